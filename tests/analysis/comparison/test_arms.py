"""Summary of arms against a hand-computed table."""

import json
import math

import pytest
from scipy import stats

from analysis.comparison.arms import as_dict, summarise
from resnet_lab.errors import UserError

NORM, ACT, DEPTH = "model.block.norm_position", "model.block.act_position", "model.depth"
BASELINE = {NORM: "before_add", ACT: "after_add", DEPTH: 20, "seed": 0}


def trial(norm, depth, seed, error=None, *, act="after_add", status="complete", reason=None):
    names = {NORM: norm, ACT: act, DEPTH: depth, "seed": seed}
    return names | {"status": status, "reason": reason, "test/error": error}


def rows(trials):
    return summarise(trials, arm=(NORM, ACT), context=(DEPTH,), baseline=BASELINE)


HAND = [
    trial("after_add", 20, 0, 4.0),
    trial("after_add", 20, 1, 5.0),
    trial("after_add", 20, 2, 4.5),
    trial("before_add", 20, 0, 3.0),
    trial("before_add", 20, 1, 3.6),
    trial("before_add", 20, 2, 3.9),
    trial("before_add", 20, 3, 3.5),
    trial("before_add", 56, 0, 2.0),
    trial("before_add", 56, 1, 2.5),
    trial("after_add", 56, 0, 3.0),
    trial("after_add", 56, 1, status="failed", reason="diverged"),
    trial("after_add", 56, 2, status="missing"),
]


def test_hand_computed_table():
    base, after, deep_base, deep_after = rows(HAND)
    assert [(r.context[DEPTH], r.arm[NORM]) for r in (base, after, deep_base, deep_after)] == [
        (20, "before_add"),
        (20, "after_add"),
        (56, "before_add"),
        (56, "after_add"),
    ]
    assert (base.n, after.n, after.pairs) == (4, 3, 3)
    assert (base.mean, base.median, base.minimum, base.maximum) == pytest.approx((3.5, 3.55, 3.0, 3.9))
    assert base.sd == pytest.approx(math.sqrt((0.25 + 0.01 + 0.16) / 3))
    # Seed 3 has no partner: the differences are 1.0, 1.4 and 0.6.
    half = 4.30265273 * 0.4 / math.sqrt(3)
    assert (after.difference, after.difference_low, after.difference_high) == pytest.approx(
        (1, 1 - half, 1 + half), rel=1e-6
    )
    assert after.p == pytest.approx(stats.ttest_rel([4, 5, 4.5], [3, 3.6, 3.9]).pvalue)
    assert after.p_holm == pytest.approx(after.p)  # the only comparison that has two pairs
    assert base.is_baseline
    assert math.isnan(base.difference)
    assert math.isnan(base.p_holm)


def test_failed_and_missing_trials_are_counted():
    deep = rows(HAND)[3]
    assert (deep.n, deep.failed, deep.missing, deep.pairs) == (1, 1, 1, 1)
    assert deep.reasons == ("seed 1: diverged",)
    assert (deep.mean, deep.difference) == (3.0, 1.0)
    assert math.isnan(deep.p)
    assert math.isnan(deep.low)


@pytest.mark.parametrize("error", [math.nan, math.inf, None])
def test_a_complete_trial_without_a_finite_measure_has_failed(error):
    (row,) = rows([trial("before_add", 20, 0, error)])
    assert (row.n, row.failed) == (0, 1)
    assert row.reasons == (f"seed 0: test/error is {error}",)
    assert math.isnan(row.mean)


def test_holm_spans_every_context():
    errors = {20: [1.0, 1.1, 1.3], 56: [2.0, 2.5, 2.1]}
    trials = [
        trial(norm, depth, seed, error + shift)
        for depth, values in errors.items()
        for norm, shifts in (("before_add", (0, 0, 0)), ("after_add", (0.5, 0.6, 0.8)))
        for seed, (error, shift) in enumerate(zip(values, shifts, strict=True))
    ]
    compared = [row for row in rows(trials) if not row.is_baseline]
    assert [row.p_holm for row in compared] == pytest.approx([2 * compared[0].p, 2 * compared[1].p])


def test_nothing_is_compared_without_a_baseline_arm():
    (row,) = rows([trial("after_add", 20, seed, 4.0 + seed) for seed in range(3)])
    assert (row.n, row.pairs, row.is_baseline) == (3, 0, False)
    assert math.isnan(row.difference)


def test_two_results_of_one_seed_are_refused():
    with pytest.raises(UserError, match="two complete trials of seed 0"):
        rows([trial("before_add", 20, 0, 3.0), trial("before_add", 20, 0, 3.1)])


def test_a_failed_attempt_and_the_retry_that_worked():
    (row,) = rows([trial("before_add", 20, 0, status="failed"), trial("before_add", 20, 0, 3.1)])
    assert (row.n, row.failed, row.reasons) == (1, 1, ("seed 0: no reason recorded",))


def test_json_has_dotted_names_and_no_nan():
    deep = as_dict(rows(HAND)[3])
    assert deep[NORM] == "after_add"
    assert deep[DEPTH] == 56
    assert deep["p"] is None
    assert deep["reasons"] == ["seed 1: diverged"]
    assert json.loads(json.dumps(deep, allow_nan=False)) == deep
