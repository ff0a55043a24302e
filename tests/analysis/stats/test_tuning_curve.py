"""Tuning curves: known values by enumeration, and the coverage of their bands by simulation."""

import itertools
import math

import numpy as np
import pytest

from analysis.stats.intervals import t_interval
from analysis.stats.tuning_curve import best_so_far, expected_best, mean_curve, median_curve

INF = math.inf


def test_the_best_so_far_never_rises_and_begins_where_a_trial_is_complete():
    assert best_so_far([INF, 8.0, 9.0, 5.0, INF]) == [INF, 8.0, 8.0, 5.0, 5.0]
    assert best_so_far([]) == []


def test_the_mean_over_searches_has_students_interval_and_is_withheld_before_all_have_a_result():
    first, second, third = mean_curve([[INF, 8.0, 6.0], [7.0, 9.0, 5.0], [9.0, 6.0, 6.5]])
    assert all(map(math.isnan, (first.mean, first.low, first.high)))
    assert second == t_interval([8.0, 7.0, 6.0])
    assert third == t_interval([6.0, 5.0, 6.0])


@pytest.mark.parametrize("errors", [[9.0, 5.0, 7.0, 6.0], [9.0, 5.0, INF, 6.0]])
def test_the_expected_best_is_the_mean_over_all_choices(errors):
    for k, expected in enumerate(expected_best(errors), 1):
        assert expected == pytest.approx(np.mean([min(chosen) for chosen in itertools.combinations(errors, k)]))


def test_the_median_of_one_draw_is_the_median_and_the_band_is_that_of_kolmogorov():
    """Massey 1951: at n = 10 and 95 % the distribution function lies within .410 of the empirical one."""
    curve = median_curve([float(value) for value in range(1, 11)])
    assert [point.mean for point in curve] == sorted((point.mean for point in curve), reverse=True)
    assert (curve[0].mean, curve[0].low, curve[0].high) == (5.0, 1.0, 10.0)  # ranks 5, .9 and 9.1
    assert curve[1].low == 0.0  # .293 is below .410: under the least value nothing is known
    assert (curve[9].mean, curve[9].high) == (1.0, 5.0)  # the least of 10: height .067, and .477


def test_stopped_draws_may_have_been_anything():
    known, stopped = median_curve([5.0, 6.0, 7.0, 8.0, 9.0, INF, INF]), median_curve([5.0, 6.0, 7.0, 8.0, 9.0], 2)
    assert [point.mean for point in known] == [point.mean for point in stopped]
    assert [point.high for point in known] == [point.high for point in stopped]
    assert all(one.low <= other.low for one, other in zip(stopped, known, strict=True))
    assert stopped[0].high == INF
    assert median_curve([]) == []


@pytest.mark.parametrize("draws", [8, 12, 20])
def test_the_band_of_a_random_search_holds_the_whole_curve(draws):
    """Errors that are exponential above 5 %: the median of the least of k is 5 + log(2) / k."""
    rng, samples = np.random.default_rng(draws), 1_000
    truth = [5 + math.log(2) / k for k in range(1, draws + 1)]
    held = [
        all(point.low <= true <= point.high for point, true in zip(median_curve(errors), truth, strict=True))
        for errors in (5 + rng.exponential(size=(samples, draws))).tolist()
    ]
    assert np.mean(held) >= 0.95 - 2.33 * math.sqrt(0.05 * 0.95 / samples)


@pytest.mark.parametrize("stopped", [0.3, 0.6])
def test_the_band_holds_the_curve_of_trials_run_to_their_end_whichever_were_stopped(stopped):
    """Here the best are stopped, by the worst pruner there can be."""
    rng, samples, draws = np.random.default_rng(1), 400, 12
    truth = [5 + math.log(2) / k for k in range(1, draws + 1)]
    left, held = round(stopped * draws), 0
    for errors in (5 + rng.exponential(size=(samples, draws))).tolist():
        curve = median_curve(sorted(errors)[left:], left)
        held += all(point.low <= true <= point.high for point, true in zip(curve, truth, strict=True))
    assert held / samples >= 0.95 - 2.33 * math.sqrt(0.05 * 0.95 / samples)


@pytest.mark.parametrize("searches", [3, 5])
def test_the_interval_over_searches_holds_the_mean_best_at_each_budget(searches):
    """Of 4 trials whose log errors are normal: the true mean is that of many searches."""
    rng, samples, budget = np.random.default_rng(searches), 800, 4
    many = np.minimum.accumulate(10 * np.exp(0.3 * rng.standard_normal((100_000, budget))), axis=1).mean(axis=0)
    drawn = 10 * np.exp(0.3 * rng.standard_normal((samples, searches, budget)))
    held = np.zeros(budget)
    for sample in drawn.tolist():
        held += [point.low <= true <= point.high for point, true in zip(mean_curve(sample), many, strict=True)]
    assert held / samples == pytest.approx(np.full(budget, 0.95), abs=0.03)
