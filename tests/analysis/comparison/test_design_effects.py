"""Steps of a ladder and main effects of a fraction, with known answers."""

import math

import numpy as np
import pytest

from analysis.comparison.arms import summarise
from analysis.comparison.design_effects import ladder_steps, main_effects

LEVELS = {"a": [0, 1], "b": [0, 1], "c": [0, 1]}
# Montgomery, Design and Analysis of Experiments, example 8.1: filtration rate, the 2^(4-1) fraction with I = ABCD.
# Its effects: A 19.00, B 1.50, C 14.00, D 16.50.
FILTRATION = {
    (0, 0, 0, 0): 45, (1, 0, 0, 1): 100, (0, 1, 0, 1): 45, (1, 1, 0, 0): 65,
    (0, 0, 1, 1): 75, (1, 0, 1, 0): 60, (0, 1, 1, 0): 80, (1, 1, 1, 1): 96,
}  # fmt: skip

FOUR = {name: [0, 1] for name in "abcd"}


def trial(names, values, seed, error):
    fields = dict(zip(names, values, strict=True))
    return {**fields, "where": 20, "seed": seed, "status": "complete", "reason": None, "test/error": error}


def rows_of(trials, names):
    return summarise(trials, arm=names, context=["where"], baseline=dict.fromkeys(names, 0))


def test_the_fraction_of_the_textbook():
    trials = [trial("abcd", key, seed, rate + seed) for key, rate in FILTRATION.items() for seed in (0, 1)]
    found = main_effects(trials, rows_of(trials, "abcd"), FOUR)
    assert {each.switch: each.difference.mean for each in found} == pytest.approx(
        {"a": 19.0, "b": 1.5, "c": 14.0, "d": 16.5}
    )
    assert [each.n for each in found] == [2] * 4


def test_a_seed_that_failed_in_one_arm_counts_in_none():
    trials = [trial("abcd", key, seed, rate + 9 * seed) for key, rate in FILTRATION.items() for seed in (0, 1, 2)]
    trials[4] |= {"status": "failed", "reason": "killed by signal 9", "test/error": None}
    found = main_effects(trials, rows_of(trials, "abcd"), FOUR)
    assert [each.n for each in found] == [2] * 4
    assert found[0].difference.mean == pytest.approx(19.0)


def test_a_fraction_that_lost_an_arm_is_out_of_balance_and_says_nothing():
    trials = [trial("abcd", key, seed, rate + seed) for key, rate in FILTRATION.items() for seed in (0, 1)]
    assert main_effects(trials[:-2], rows_of(trials[:-2], "abcd"), FOUR) == []


def test_each_rung_is_compared_with_the_one_before():
    rungs = {(0, 0, 0): 10.0, (1, 0, 0): 7.0, (1, 1, 0): 7.5, (1, 1, 1): 5.5}
    noise = np.random.default_rng(0).normal(0, 0.1, (4, 4))
    trials = [
        trial("abc", key, seed, error + noise[i, seed])
        for i, (key, error) in enumerate(rungs.items())
        for seed in range(4)
    ]
    found = ladder_steps(trials, rows_of(trials, "abc"), LEVELS)
    assert [(each.switch, round(each.difference.mean)) for each in found] == [("a", -3), ("b", 0), ("c", -2)]
    assert found[1].rest == {"a": 1, "c": 0}
    difference = noise[1] - noise[0] - 3
    assert found[0].difference.mean == pytest.approx(difference.mean())
    assert found[0].p_holm >= found[0].p
    assert found[0].p_holm < 0.05


def test_a_factor_of_several_levels_climbs_them_and_no_step_is_skipped():
    trials = [trial("a", (level,), seed, float(level + seed * level)) for level in (0, 1, 2) for seed in (0, 1)]
    found = ladder_steps(trials, rows_of(trials, "a"), {"a": [0, 1, 2]})
    assert [(each.before, each.after) for each in found] == [(0, 1), (1, 2)]


def test_other_orders_give_the_same_switch_from_other_places():
    cells = [(0, 0), (1, 0), (0, 1), (1, 1)]
    trials = [trial("ab", key, seed, 5.0 - 3 * key[0] * key[1] + 0.1 * seed) for key in cells for seed in (0, 1)]
    found = ladder_steps(trials, rows_of(trials, "ab"), {"a": [0, 1], "b": [0, 1]})
    effects = {(each.switch, tuple(each.rest.values())): each.difference.mean for each in found}
    assert effects == pytest.approx({("a", (0,)): 0, ("a", (1,)): -3, ("b", (0,)): 0, ("b", (1,)): -3})
    assert all(math.isnan(each.p) or each.p == 1 for each in found)  # no spread: nothing is claimed


def test_a_diverged_seed_withholds_means_and_leaves_a_step_to_its_ranks():
    rungs = {(0, 0, 0): 10.0, (1, 0, 0): 7.0}
    trials = [trial("ab", key[:2], seed, error + 0.1 * seed) for key, error in rungs.items() for seed in range(6)]
    trials[7] |= {"status": "failed", "reason": "diverged", "test/error": None}
    (step,) = ladder_steps(trials, rows_of(trials, "ab"), {"a": (0, 1), "b": (0,)})
    assert (step.n, math.isnan(step.difference.mean)) == (6, True)
    assert step.p == pytest.approx(28 / 64)  # rank 6 against 1 to 5: a sum of 9 or more in 28 of 64 sign patterns

    factorial = [trial("abcd", key, seed, rate + 9 * seed) for key, rate in FILTRATION.items() for seed in (0, 1, 2)]
    factorial[4] |= {"status": "failed", "reason": "diverged", "test/error": None}
    assert main_effects(factorial, rows_of(factorial, "abcd"), FOUR) == []
