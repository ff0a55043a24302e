"""Learning curves, and the figure of two axes: what is drawn, of which arms, in which form."""

import math

import pytest

from analysis.comparison.arms import summarise
from analysis.figures.learning_curves import CURVES, curve_data, lines_of, plot_curves, points_of
from analysis.figures.loss_and_error import plot_loss_and_error
from analysis.stats.intervals import t_interval
from resnet_lab.metrics import TEST_CURVE

ARMS = ("base", "other")


def run(arm, seed, **more):
    name = f"{arm}-{seed}"
    return {"depth": 8, "arm": arm, "seed": seed, "trial": name, "status": "complete", "test/error": 5.0 + seed} | more


def history(seed, epochs, **more):
    records = [{"epoch": e, **dict.fromkeys(CURVES, 10.0 / e + seed)} for e in range(1, epochs + 1)]
    return [record | {name: value + record["epoch"] for name, value in more.items()} for record in records]


@pytest.fixture
def study():
    """Give the frame and the rows of two arms of two seeds; `changed` is merged into the run of the last."""

    def make(epochs=3, changed=None, recorded=ARMS):
        runs = [run(arm, seed) for arm in ARMS for seed in (0, 1)]
        runs[-1] |= changed or {}
        more = {arm: {TEST_CURVE: 20.0} if arm in recorded else {} for arm in ARMS}
        histories = {each["trial"]: history(each["seed"], epochs, **more[each["arm"]]) for each in runs}
        rows = summarise(runs, arm=("arm",), context=("depth",), baseline={"arm": "base"})
        return curve_data(runs, histories, rows), rows

    return make


def test_every_arm_has_training_and_validation_loss_and_error_with_t_bands(study):
    frame, _ = study(recorded=())
    assert set(frame["metric"]) == set(CURVES)
    assert len(frame) == 2 * 4 * 3
    first = lines_of(frame, {"arm": "other", "metric": "val/loss", "epoch": 2}).iloc[0]
    expected = t_interval([5.0, 6.0])
    assert (first["n"], first["mean"], first["min"], first["max"]) == (2, 5.5, 5.0, 6.0)
    assert (first["low"], first["high"]) == (expected.low, expected.high)
    points = points_of(frame, {"depth": 8, "arm": "other"})
    assert ("curve/val/loss/mean", 2, 5.5) in points
    assert len(points) == 4 * 3 * 3


def test_an_epoch_at_which_a_seeds_loss_is_not_finite_is_left_out():
    """A training loss that is just finite beside a validation loss that is not: the run ends, and the report too."""
    runs = [run("base", seed) for seed in (0, 1)]
    histories = {each["trial"]: history(each["seed"], 3) for each in runs}
    histories["base-1"][1]["val/loss"] = math.inf
    frame = curve_data(runs, histories, summarise(runs, arm=("arm",), context=("depth",), baseline={"arm": "base"}))
    assert list(lines_of(frame, {"metric": "val/loss"})["epoch"]) == [1, 3]
    assert list(lines_of(frame, {"metric": "train/loss"})["epoch"]) == [1, 2, 3]
    assert math.isnan(t_interval([1.0, math.inf]).low)


def test_an_arm_of_which_a_seed_diverged_is_not_drawn(study):
    frame, rows = study(changed={"status": "failed", "reason": "diverged"})
    assert set(frame["arm"]) == {"base"}
    assert points_of(frame, {"depth": 8, "arm": "other"}) == []
    assert [row.diverged for row in rows] == [0, 1]


def test_the_curves_are_a_figure_and_a_csv(study, tmp_path):
    frame, rows = study(recorded=())
    png, svg, csv = plot_curves(frame, rows, out=tmp_path / "curves")
    assert png.exists()
    drawn = svg.read_text()
    for label in ("training loss (nats)", "validation loss (nats)", "training error (%)", "validation error (%)"):
        assert f"<!-- {label} -->" in drawn
    assert csv.read_text().startswith("depth,arm,metric,epoch,n,mean,low,high,min,max\n")


@pytest.mark.parametrize(
    ("recorded", "axis", "words"),
    [
        (ARMS, "test error (%), solid", "test error after each epoch"),
        ((), "validation error (%), solid", "at its end the test error, read once"),
        (("base",), "validation error (%), solid", "at its end the test error, read once"),
    ],
)
def test_two_axes_have_the_loss_dashed_on_the_left_and_the_error_on_the_right(study, tmp_path, recorded, axis, words):
    frame, rows = study(recorded=recorded)
    _, svg, csv = plot_loss_and_error(frame, rows, out=tmp_path / "two")
    drawn = svg.read_text()
    assert "<!-- training loss (nats), dashed -->" in drawn
    assert f"<!-- {axis} -->" in drawn
    assert words in " ".join(line.strip(" <!->") for line in drawn.splitlines() if line.strip().startswith("<!--"))
    assert "stroke-dasharray" in drawn
    assert "mathdefault" not in drawn
    assert {line.split(",")[2] for line in csv.read_text().splitlines()[1:]} == {
        "train/loss",
        TEST_CURVE if axis.startswith("test") else "val/error",
    }


def test_one_epoch_is_no_curve(study, tmp_path):
    frame, rows = study(epochs=1)
    assert plot_curves(frame, rows, out=tmp_path / "a") == plot_loss_and_error(frame, rows, out=tmp_path / "b") == []


def test_one_seed_has_no_band(study):
    frame, _ = study(changed={"status": "missing"})
    alone = lines_of(frame, {"arm": "other"})
    assert set(alone["n"]) == {1}
    assert all(map(math.isnan, alone["low"]))
