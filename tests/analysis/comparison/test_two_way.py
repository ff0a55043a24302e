"""Arms over seeds and test images: paired by seed and image, withheld with the reason."""

import numpy as np
import pytest

from analysis.comparison.arms import summarise, trials_of
from analysis.comparison.two_way import FAILED, FEW_SEEDS, NO_RECORD, over_images

ARM = {"a": ("x", "y")}


def study(lost=(), failed=(), seeds=4):
    """Two arms of one test set; y gets three images wrong that x gets right."""
    rng = np.random.default_rng(0)
    records, runs = {}, []
    for seed in range(seeds):
        right = rng.random(200) < 0.9
        for arm in "xy":
            own = right.copy()
            if arm == "y":
                own[np.flatnonzero(right)[:3]] = False
            name = f"{arm}{seed}"
            records[name] = None if name in lost else own
            status = "failed" if name in failed else "complete"
            error = {} if name in failed else {"test/error": 100 * (1 - own.mean())}
            runs.append({"a": arm, "seed": seed, "trial": name, "status": status, "reason": None, **error})
    rows = summarise(runs, arm=("a",), context=(), baseline={"a": "x"})
    return over_images(rows, trials_of(runs, rows), lambda run: records[run["trial"]])


def test_means_and_differences_are_those_of_the_table():
    for each in study():
        assert each.error.interval.mean == pytest.approx(each.row.mean)
        assert each.images == 200
    base, other = study()
    assert base.difference is None
    assert other.difference.interval.mean == pytest.approx(1.5) == other.row.difference
    assert other.difference.interval.low < 1.5 < other.difference.interval.high


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"lost": ("y1",)}, NO_RECORD), ({"failed": ("y1",)}, FAILED), ({"seeds": 1}, FEW_SEEDS)],
)
def test_what_cannot_be_said_is_withheld_with_the_reason(changes, reason):
    _, other = study(**changes)
    assert (other.error, other.difference, other.reason) == (None, None, reason)


def test_without_the_baselines_records_the_arm_keeps_its_own_interval():
    _, other = study(lost=("x0",))
    assert other.error is not None
    assert other.difference is None
    assert other.reason == f"of the baseline, {NO_RECORD}"
