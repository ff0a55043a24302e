"""The bootstrap-t interval: its coverage of skewed means against Student's, and its edges."""

import math

import numpy as np
import pytest

from analysis.stats.bootstrap import LEAST, bootstrap_t
from analysis.stats.intervals import t_interval


def coverage(interval, sigma, n, samples):
    """Return the share of samples of lognormal values whose interval holds the true mean."""
    values = np.exp(sigma * np.random.default_rng(0).standard_normal((samples, n))).tolist()
    mean = math.exp(sigma**2 / 2)
    return np.mean([one.low <= mean <= one.high for one in map(interval, values)])


@pytest.mark.parametrize(("sigma", "students", "bootstraps"), [(0.3, 0.938, 0.945), (0.7, 0.887, 0.927)])
def test_skewed_means_are_covered_more_often_than_by_students(sigma, students, bootstraps):
    """Known from 3,000 samples of 10 values; neither kind reaches 95 % there."""
    samples = 600
    error = 3 * math.sqrt(0.05 / samples)
    student, bootstrap = (coverage(each, sigma, 10, samples) for each in (t_interval, bootstrap_t))
    assert student == pytest.approx(students, abs=error)
    assert bootstrap == pytest.approx(bootstraps, abs=error)
    assert bootstrap > student


def test_the_interval_is_a_function_of_its_arguments_and_leans_with_the_values():
    values = [1.0, 1.1, 1.2, 1.3, 1.4, 4.0]
    one = bootstrap_t(values)
    assert one == bootstrap_t(values)
    assert one != bootstrap_t(values, seed=1)
    assert one.high - one.mean > one.mean - one.low
    wider = bootstrap_t(values, 0.99)
    assert wider.low < one.low < one.high < wider.high


def test_few_values_and_equal_ones():
    assert math.isnan(bootstrap_t([]).mean)
    few = bootstrap_t([1.0, 2.0, 3.0, 4.0][: LEAST - 1])
    assert few.mean == 2.5
    assert math.isnan(few.low)
    same = bootstrap_t([2.0] * 6)
    assert (same.low, same.high) == (2.0, 2.0)
