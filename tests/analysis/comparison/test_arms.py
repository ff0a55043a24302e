"""Summary of arms against a hand-computed table."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from analysis.comparison.arms import as_dict, summarise
from analysis.results.trials import outcomes_by_repeat
from analysis.tables.footnotes import explain
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
    trial("after_add", 56, 1, status="failed", reason="killed by signal 9"),
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
    assert deep.reasons == ("seed 1: killed by signal 9",)
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
    assert deep["reasons"] == ["seed 1: killed by signal 9"]
    assert json.loads(json.dumps(deep, allow_nan=False)) == deep


def survivors():
    """The baseline's five seeds, and an arm of which three diverged: by its survivors it would be better, p = .008."""
    base = [trial("before_add", 110, seed, error) for seed, error in enumerate((6.44, 6.52, 6.61, 6.70, 6.80))]
    lost = [trial("after_add", 110, seed, status="failed", reason="diverged") for seed in (0, 1, 3)]
    return [*base, *lost, trial("after_add", 110, 2, 6.20), trial("after_add", 110, 4, 6.33)]


def test_an_arm_is_not_judged_by_the_seeds_that_survived():
    base, arm = rows(survivors())
    assert (arm.n, arm.failed, arm.diverged, arm.missing, arm.pairs) == (2, 3, 3, 0, 5)
    assert arm.withheld == "3 of 5 diverged"
    assert all(math.isnan(value) for value in (arm.mean, arm.sd, arm.low, arm.difference, arm.difference_high))
    assert (arm.median, arm.maximum, arm.minimum) == (math.inf, math.inf, 6.20)
    assert (arm.difference_median, arm.direction) == (math.inf, 1)
    assert arm.p == pytest.approx(0.25)  # ranks 4, 4, 4, -2, -1: sums of 9 or more in 8 of 32 sign patterns
    assert (base.withheld, base.diverged) == ("", 0)


def test_a_baseline_that_diverged_withholds_the_difference_too():
    trials = [t | {NORM: "before_add" if t[NORM] == "after_add" else "after_add"} for t in survivors()]
    base, arm = rows(trials)
    assert (base.diverged, arm.diverged) == (3, 0)
    assert arm.withheld == "baseline: 3 of 5 diverged"
    assert arm.mean == pytest.approx(6.614)
    assert (arm.direction, arm.p) == (-1, pytest.approx(0.25))


def test_json_of_a_diverged_arm_has_no_infinity():
    content = as_dict(rows(survivors())[1])
    assert (content["diverged"], content["withheld"], content["median"]) == (3, "3 of 5 diverged", None)
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_a_trial_lost_by_a_fault_of_the_machine_is_missing_and_not_the_worst():
    trials = [t | ({"reason": "killed by signal 9"} if t["status"] == "failed" else {}) for t in survivors()]
    _, arm = rows(trials)
    assert (arm.n, arm.failed, arm.diverged, arm.pairs, arm.withheld) == (2, 3, 0, 2, "")
    assert arm.median == pytest.approx(6.265)


def repeats(errors, arm="before_add"):
    """Trials of 2 seeds for each repeat: {repeat: (error at one seed, at the other)}."""
    count = len(errors)
    return [
        {**trial(arm, 20, repeat + count * i, value), "repeat": repeat}
        for repeat, pair in errors.items()
        for i, value in enumerate(pair)
    ]


def test_seeds_that_share_a_split_count_as_one_sample():
    trials = repeats({0: (3.0, 5.0), 1: (6.0, 6.0), 2: (4.0, 6.0)})
    trials += repeats({0: (5.0, 5.0), 1: (8.0, 6.0), 2: (9.0, 7.0)}, "after_add")
    base, after = rows(trials)
    assert (base.n, base.repeats, after.pairs) == (6, 3, 3)
    assert (base.mean, base.minimum, base.maximum) == pytest.approx((5.0, 4.0, 6.0))
    expected = stats.ttest_rel([5, 7, 8], [4, 6, 5])
    assert after.p == pytest.approx(expected.pvalue)
    assert (after.difference_low, after.difference_high) == pytest.approx(expected.confidence_interval())
    text = explain([base, after], BASELINE)
    assert "mean of 3 repeats an arm" in text
    assert "over 3 repeats complete in both" in text
    assert "share a train/validation split" in text


def test_a_repeat_that_lacks_a_seed_is_left_out_and_a_diverged_seed_makes_it_infinite():
    trials = repeats({0: (3.0, 5.0), 1: (6.0, 6.0), 2: (4.0, 6.0)})
    trials[0] |= {"status": "missing"}
    trials[3] |= {"status": "failed", "reason": "diverged", "test/error": None}
    assert outcomes_by_repeat(trials, "test/error") == {1: math.inf, 2: 5.0}


def test_intervals_over_shared_splits_hold_the_truth_and_those_over_seeds_would_not():
    """Splits with an effect of their own, of twice the seeds' spread: 95 % limits over 4 splits of 5 seeds each."""
    rng, held = np.random.default_rng(0), {"repeat": 0, "seed": 0}
    for _ in range(400):
        errors = rng.normal(0, 2, 4)[:, None] + rng.normal(0, 1, (4, 5)) + 50
        trials = [
            {**trial("before_add", 20, split + 4 * i, float(errors[split, i])), "repeat": split}
            for split in range(4)
            for i in range(5)
        ]
        for unit in held:
            (row,) = rows([{**each, "repeat": each[unit]} for each in trials])
            held[unit] += row.low <= 50 <= row.high
    assert held["repeat"] / 400 == pytest.approx(0.95, abs=0.03)
    assert held["seed"] / 400 < 0.75


def test_arms_that_share_no_seed_are_compared_by_welch_in_the_same_family():
    unpaired = [trial("after_add", 20, 10 + seed, error) for seed, error in enumerate((4.0, 5.0, 4.5))]
    paired = [trial("before_add", 20, seed, error, act="none") for seed, error in enumerate((3.1, 3.9, 3.8, 3.9))]
    base, one, other = rows([*HAND[3:7], *unpaired, *paired])
    known = stats.ttest_ind([4.0, 5.0, 4.5], [3.0, 3.6, 3.9, 3.5], equal_var=False)
    limits = known.confidence_interval()
    assert (one.is_unpaired, one.pairs, other.is_unpaired, base.is_unpaired) == (True, 0, False, False)
    assert one.p == pytest.approx(known.pvalue)
    assert (one.difference, one.difference_low, one.difference_high) == pytest.approx((1.0, limits.low, limits.high))
    assert max(one.p_holm, other.p_holm) <= 2 * max(one.p, other.p)
    assert min(one.p_holm, other.p_holm) == pytest.approx(2 * min(one.p, other.p))
    assert (as_dict(one)["unpaired"], "unpaired" in as_dict(other)) == (True, False)
    assert "Welch's of unpaired arms: depth=20, norm_position=after_add" in explain([base, one, other], BASELINE)


def test_a_diverged_seed_without_a_pair_is_ranked():
    lost = [trial("after_add", 20, 10 + seed, status="failed", reason="diverged") for seed in range(3)]
    _, one = rows([*HAND[3:7], *lost])
    assert (one.withheld, one.direction) == ("3 of 3 diverged", 1)
    assert math.isnan(one.difference)
    assert one.p == pytest.approx(2 / math.comb(7, 3))
