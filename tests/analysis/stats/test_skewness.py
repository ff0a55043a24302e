"""Tests for skewed differences: Hall's statistic against its formula, the sign-flip test's floor."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.stats.intervals import paired_t
from analysis.stats.skewness import hall_p, holds_if_skewed, least_pairs


def test_halls_p_is_that_of_the_transformed_t():
    values = np.random.default_rng(0).exponential(1, 12) - 0.4
    n, t, g = 12, stats.ttest_1samp(values, 0).statistic, stats.skew(values, bias=False)
    a = g / math.sqrt(n)
    expected = 2 * stats.t.sf(abs(t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6), n - 1)
    assert hall_p(values.tolist()) == pytest.approx(expected)


def test_symmetric_values_leave_students_t():
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    assert hall_p(values) == pytest.approx(paired_t(values))
    assert hall_p([-value for value in values]) == pytest.approx(hall_p(values))


@pytest.mark.parametrize("values", [[], [1.0, 2.0], [0.5] * 4, [1.0, 2.0, math.inf], [1.0, math.nan, 2.0]])
def test_what_has_no_skewness_has_no_p(values):
    assert math.isnan(hall_p(values))
    assert not holds_if_skewed(values, 0.5)


def test_t_alone_errs_on_one_side_and_halls_does_not():
    """5 % asked, 10 lognormal values: t calls the mean too low in 10 % and too high in hardly any."""
    values = np.exp(0.7 * np.random.default_rng(1).standard_normal((4_000, 10))) - math.exp(0.7**2 / 2)
    students = np.mean([paired_t(row) <= 0.05 for row in values.tolist()])
    halls = np.mean([hall_p(row) <= 0.05 for row in values.tolist()])
    assert students > 0.09
    assert halls < students - 0.02


@pytest.mark.parametrize(("level", "pairs"), [(0.05, 6), (0.0096, 8), (0.0028, 10), (0.0625, 5)])
def test_the_floor_of_the_sign_flip_test(level, pairs):
    assert least_pairs(level) == pairs
    assert 2.0 ** (1 - pairs) <= level < 2.0 ** (2 - pairs)
