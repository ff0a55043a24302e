"""Power against published planning figures, statsmodels and simulation."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from analysis.stats.power import (
    difference_sd,
    equivalence_power,
    first_step,
    minimum_detectable_effect,
    power,
    seeds_for_equivalence,
    seeds_needed,
)

SD = 0.16  # He et al. 2015: ResNet-110, five runs


@pytest.mark.parametrize(
    ("old", "new", "seeds"), [(6.61, 6.37, 9), (5.93, 5.46, 4), (6.61, 6.71, 42), (6.10, 5.96, 22), (6.97, 6.32, 3)]
)
def test_seeds_for_published_differences(old, new, seeds):
    assert seeds_needed(old - new, SD) == seeds


def test_five_against_five_is_underpowered_and_a_hair_takes_a_thousand():
    assert power(0.24, SD, 5) == pytest.approx(0.55, abs=0.01)
    assert seeds_needed(0.02, SD) == pytest.approx(1000, rel=0.02)


@pytest.mark.parametrize("n", [2, 3, 5, 20])
@pytest.mark.parametrize("effect", [0.1, 0.5, 1.2])  # beyond, statsmodels gives nan
def test_power_is_that_of_statsmodels(n, effect):
    independent = TTestIndPower().power(effect, n, 0.05)
    paired = TTestPower().power(effect, n, 0.05)
    assert power(effect, 1.0, n) == pytest.approx(independent, abs=1e-6)
    assert power(effect, 1.0, n, kind="paired") == pytest.approx(paired, abs=1e-6)


def test_power_holds_in_simulation():
    draws = np.random.default_rng(0).normal(1.0, 1.0, (40_000, 5))
    t = draws.mean(1) / (draws.std(1, ddof=1) / math.sqrt(5))
    assert np.mean(np.abs(t) > 2.776445) == pytest.approx(power(1.0, 1.0, 5, kind="paired"), abs=0.01)


def test_what_can_be_detected_is_the_inverse_of_power():
    assert power(minimum_detectable_effect(SD, 7), SD, 7, kind="paired") == pytest.approx(0.8, abs=1e-6)
    assert minimum_detectable_effect(2 * SD, 7) == pytest.approx(2 * minimum_detectable_effect(SD, 7))
    assert math.isnan(minimum_detectable_effect(SD, 1))


def test_no_effect_and_no_spread_are_refused():
    with pytest.raises(ValueError, match="difference of 0"):
        seeds_needed(0, SD)
    with pytest.raises(ValueError, match="no spread"):
        power(1, 0, 5)
    with pytest.raises(ValueError, match="lost in the spread"):
        seeds_needed(1e-6, 1.0)


@pytest.mark.parametrize(("effect", "alone", "corrected"), [(0.30, 7, 11), (0.24, 10, 15)])
def test_seeds_of_the_paired_test_without_and_with_holm_over_six(effect, alone, corrected):
    sd = difference_sd(SD)
    assert seeds_needed(effect, sd, kind="paired") == alone
    assert seeds_needed(effect, sd, kind="paired", alpha=first_step(0.05, 6)) == corrected


def test_six_seeds_that_an_independent_test_would_ask_for_are_too_few():
    sd = difference_sd(SD)
    assert seeds_needed(0.30, SD, kind="independent") == 6
    draws = np.random.default_rng(0).normal(0.30, sd, (40_000, 6))
    t = np.abs(draws.mean(1) / (draws.std(1, ddof=1) / math.sqrt(6)))
    for alpha, said in ((0.05, 0.738), (first_step(0.05, 6), 0.329)):
        assert power(0.30, sd, 6, kind="paired", alpha=alpha) == pytest.approx(said, abs=5e-4)
        assert np.mean(t > stats.t.ppf(1 - alpha / 2, 5)) == pytest.approx(said, abs=0.01)


def test_holm_finds_one_effect_among_six_at_least_as_often_as_its_first_step_says():
    """Six comparisons by the paired t test, one of them true: 20,000 studies of 11 seeds."""
    sd = difference_sd(SD)
    draws = np.random.default_rng(0).normal(0, sd, (20_000, 6, 11))
    draws[:, 0] += 0.30
    p = stats.ttest_1samp(draws, 0, axis=2).pvalue
    order = np.argsort(p, axis=1)
    adjusted = np.maximum.accumulate(np.take_along_axis(p, order, 1) * np.arange(6, 0, -1), axis=1)
    found = (adjusted < 0.05)[order == 0]
    said = power(0.30, sd, 11, kind="paired", alpha=first_step(0.05, 6))
    assert said - 0.01 <= found.mean() <= said + 0.03


def test_correlated_arms_have_less_spread_in_their_differences():
    a, b = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 100_000).T
    assert difference_sd(1.0, 0.6) == pytest.approx(float(np.std(a - b)), rel=0.01)
    assert difference_sd(SD, 0.5) == pytest.approx(SD)
    with pytest.raises(ValueError, match="leaves no spread"):
        difference_sd(SD, 1.0)
    with pytest.raises(ValueError, match="an sd of -1 is no spread"):
        difference_sd(-1)


@pytest.mark.parametrize(("true", "n", "margin"), [(0.0, 5, 1.5), (0.0, 10, 1.0), (0.5, 10, 1.5), (1.0, 8, 1.0)])
def test_the_power_of_an_equivalence_test_holds_in_simulation(true, n, margin):
    """At the margin itself it is the error rate: 5 %."""
    draws = np.random.default_rng(1).normal(true, 1.0, (40_000, n))
    half = stats.t.ppf(0.95, n - 1) * draws.std(1, ddof=1) / math.sqrt(n)
    found = np.mean(np.abs(draws.mean(1)) + half < margin)
    assert equivalence_power(true, 1.0, n, margin) == pytest.approx(found, abs=0.008)


def test_seeds_for_equivalence_are_the_least_that_reach_the_power():
    n = seeds_for_equivalence(0.3, 1.0, 1.0)
    assert equivalence_power(0.3, 1.0, n, 1.0) >= 0.8 > equivalence_power(0.3, 1.0, n - 1, 1.0)
    assert n < seeds_for_equivalence(0.3, 1.0, 1.0, kind="independent") < 2 * n  # twice the variance, twice the df
    with pytest.raises(ValueError, match="not within"):
        seeds_for_equivalence(1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="lost in the spread"):
        seeds_for_equivalence(0.999, 1.0, 1.0)
    assert equivalence_power(0.0, 1.0, 1, 5.0) == 0
