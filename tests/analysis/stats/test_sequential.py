"""Repeated looks: the level against its simulation, the decisions against known answers."""

import math

import numpy as np
import pytest

from analysis.stats.failures import paired_differences
from analysis.stats.intervals import t_interval
from analysis.stats.sequential import Decision, decide, least_p, level, looks
from analysis.stats.skewness import least_pairs

SCHEDULE = looks(3, 19)


def test_seeds_are_added_in_pairs_and_the_last_step_is_cut():
    assert looks(3, 9) == (3, 5, 7, 9)
    assert looks(3, 20) == (3, 5, 7, 9, 11, 13, 15, 17, 19, 20)
    assert looks(5, 5) == (5,)
    for first, largest in ((1, 9), (5, 4)):
        with pytest.raises(ValueError, match="it takes 2 or more"):
            looks(first, largest)


def test_one_look_needs_no_correction():
    assert level((5,), 0.05) == 0.05
    interval = decide({"a": [1.0, 2.0, 4.0]}, 0, (3,))["a"].interval
    assert interval == t_interval([1.0, 2.0, 4.0])


@pytest.mark.parametrize("arms", [1, 3])
def test_all_looks_together_err_as_often_as_one_test_may(arms):
    rng, paths = np.random.default_rng(0), 60_000
    baseline = rng.standard_normal((paths, 19))
    wrong = np.zeros(paths, bool)
    for _ in range(arms):
        differences = rng.standard_normal((paths, 19)) - baseline  # arms share their baseline: they err together
        wrong |= least_p(differences, SCHEDULE, 0.05) <= level(SCHEDULE, 0.05 / arms)
    assert 0.04 < wrong.mean() < 0.05 + 2 * math.sqrt(0.05 * 0.95 / paths)


def test_looking_without_a_correction_would_err_three_times_as_often():
    differences = np.random.default_rng(1).standard_normal((20_000, 19))
    assert (least_p(differences, SCHEDULE, 0.05) <= 0.05).mean() > 0.15


def test_decisions_follow_the_smallest_p():
    rng = np.random.default_rng(2)
    paths = rng.standard_normal((100, 19)) + 1.0
    for path, smallest in zip(paths, least_p(paths, SCHEDULE, 0.05), strict=True):
        decided = [decide({0: path[:n]}, k, SCHEDULE)[0].decision for k, n in enumerate(SCHEDULE)]
        assert any(one != Decision.UNDECIDED for one in decided) == (smallest <= level(SCHEDULE, 0.05))


def test_the_four_decisions():
    differences = {
        "worse": [30.0, 31.0, 30.5],
        "better": [-30.0, -31.0, -30.5],
        "open": [-1.0, 1.0, 0.5],
        "same": [0.001, -0.001, 0.002],
        "none": [],
        "coarse": [0.5, 0.5, 0.5],
    }
    judged = decide(differences, 0, SCHEDULE, margin=0.2)
    assert {name: one.decision.value for name, one in judged.items()} == {
        "worse": "worse",
        "better": "better",
        "open": "undecided",
        "same": "equivalent",
        "none": "undecided",
        "coarse": "undecided",
    }
    assert judged["same"].interval.high < 0.2
    assert decide({"same": differences["same"]}, 0, SCHEDULE)["same"].decision == Decision.UNDECIDED


def test_the_margin_moves_what_counts_as_worse():
    values = {"arm": [0.50, 0.51, 0.49]}
    assert decide(values, 0, SCHEDULE, margin=0.3)["arm"].decision == Decision.WORSE
    assert decide(values, 0, SCHEDULE, margin=0.5)["arm"].decision == Decision.UNDECIDED


def test_arms_that_were_decided_still_count_in_the_family():
    one = [1.0, 1.2, 1.1]
    alone, of_ten = decide({"a": one}, 0, SCHEDULE), decide({"a": one}, 0, SCHEDULE, arms=10)
    assert alone["a"].interval.low > of_ten["a"].interval.low


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ValueError, match="4 pairs at a look of 3"):
        decide({"a": [1.0] * 4}, 0, SCHEDULE)
    with pytest.raises(ValueError, match="compare fewer arms"):
        level(SCHEDULE, 1e-6)


def test_where_seeds_diverged_the_ranks_decide_and_nothing_is_equivalent():
    schedule = looks(3, 11)
    always, never = [math.inf] * 9, [-math.inf] * 9
    judged = decide(
        {"always": always, "never": never, "mixed": [math.inf, -0.1, -0.2] * 3},
        look=3,
        schedule=schedule,
        margin=5.0,
        arms=1,
        lost={"always": True, "never": True, "mixed": True},
    )
    assert {key: each.decision for key, each in judged.items()} == {
        "always": Decision.WORSE,
        "never": Decision.BETTER,
        "mixed": Decision.UNDECIDED,
    }
    assert all(math.isnan(each.interval.low) for each in judged.values())
    early = decide({"always": [math.inf] * 3}, look=0, schedule=schedule, lost={"always": True})
    assert early["always"].decision == Decision.UNDECIDED  # three sign patterns of eight cannot go under 1 %


@pytest.mark.parametrize("failing", [0.0, 0.2, 0.5])
def test_equal_arms_with_equal_failures_are_decided_in_at_most_5_of_100_studies(failing):
    random, schedule, studies, wrong = np.random.default_rng(3), looks(3, 9), 1000, 0
    for _ in range(studies):
        own, other = (np.where(random.random(9) < failing, math.inf, random.normal(0, 1, 9)) for _ in range(2))
        for look, n in enumerate(schedule):
            differences = paired_differences(dict(enumerate(own[:n])), dict(enumerate(other[:n])))
            lost = bool(np.isinf(own[:n]).any() or np.isinf(other[:n]).any())
            judged = decide({0: differences}, look, schedule, lost={0: lost})[0]
            if judged.decision in (Decision.WORSE, Decision.BETTER):
                wrong += 1
                break
    assert wrong / studies <= 0.05 + 2.33 * math.sqrt(0.05 * 0.95 / studies)


def decided_share(differences, schedule, *, robust):
    """Return the share of studies (rows) that any look decides. Only rows that the interval decides need the tests."""
    possible = differences[least_p(differences, schedule, 0.05) <= level(schedule, 0.05)]
    if not robust:
        return len(possible) / len(differences)
    decided = sum(
        any(
            decide({0: row[:n]}, k, schedule, robust=True)[0].decision != Decision.UNDECIDED
            for k, n in enumerate(schedule)
        )
        for row in possible.tolist()
    )
    return decided / len(differences)


def test_skewed_differences_err_three_times_as_often_unless_robust():
    """The long form, with more distributions, is benchmarks/sequential_rates.py."""
    schedule, paths = looks(3, 15), 4_000
    skewed = np.exp(0.7 * np.random.default_rng(3).standard_normal((paths, 15))) - math.exp(0.7**2 / 2)
    assert decided_share(skewed, schedule, robust=False) > 0.13
    assert decided_share(skewed, schedule, robust=True) < 0.05 + 2 * math.sqrt(0.05 * 0.95 / paths)


def test_robust_costs_little_power_under_normal_differences():
    shifted = np.random.default_rng(4).standard_normal((400, 15)) + 1.5
    schedule = looks(3, 15)
    assert decided_share(shifted, schedule, robust=False) > 0.98
    assert decided_share(shifted, schedule, robust=True) > 0.93


def test_robust_decides_nothing_where_the_sign_flip_test_cannot():
    far = [10.0 + 0.1 * seed for seed in range(19)]
    assert least_pairs(level(SCHEDULE, 0.05)) == 8
    for look, n in enumerate(SCHEDULE):
        plain = decide({0: far[:n]}, look, SCHEDULE)[0]
        robust = decide({0: far[:n]}, look, SCHEDULE, robust=True)[0]
        assert plain.decision == Decision.WORSE
        assert robust.decision == (Decision.WORSE if n >= 8 else Decision.UNDECIDED)
        assert robust.interval == plain.interval


def test_robust_holds_each_bound_that_is_cleared():
    small, schedule = [0.01 * (-1) ** seed * (seed + 1) for seed in range(9)], looks(3, 9)
    assert decide({0: small}, 3, schedule, margin=0.5, robust=True)[0].decision == Decision.EQUIVALENT
    shifted = [0.6 + value for value in small]
    assert decide({0: shifted}, 3, schedule, margin=0.5, robust=True)[0].decision == Decision.WORSE
    assert decide({0: [-value for value in shifted]}, 3, schedule, margin=0.5, robust=True)[0].decision == (
        Decision.BETTER
    )
    assert decide({0: shifted}, 3, schedule, margin=0.6, robust=True)[0].decision == Decision.UNDECIDED
