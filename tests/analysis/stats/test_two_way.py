"""Intervals over seeds and test images: against Owen's bootstrap drawn in full, and their coverage."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from analysis.stats.intervals import t_interval
from analysis.stats.two_way import _variances, two_way


def errors(rng, seeds, images, *, of_seeds, of_images):
    """Errors in per cent, 5 % in truth: an image is wrong where seed, image and their own noise are together high."""
    total = math.sqrt(of_seeds**2 + of_images**2 + 1)
    seed, image = rng.normal(0, of_seeds, (seeds, 1)), rng.normal(0, of_images, (1, images))
    return 100.0 * (seed + image + rng.normal(0, 1, (seeds, images)) > total * norm.ppf(0.95))


def test_the_closed_form_is_the_variance_of_the_pigeonhole_bootstrap():
    """Rows drawn to one less than their number, columns to theirs; the interaction comes in again (Owen 2007)."""
    rng = np.random.default_rng(0)
    values = errors(rng, 5, 80, of_seeds=0.3, of_images=2)
    by_row, by_column, interaction = _variances(values)
    means = [values[np.ix_(rng.integers(0, 5, 4), rng.integers(0, 80, 80))].mean() for _ in range(20_000)]
    assert np.var(means) == pytest.approx(by_row + by_column + interaction, rel=0.05)


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize(("of_seeds", "of_images"), [(0.05, 2.0), (0.2, 2.0), (0.2, 0.5)])
def test_95_of_100_intervals_hold_the_truth_and_those_over_seeds_do_not(seeds, of_seeds, of_images):
    rng = np.random.default_rng(seeds)
    hits = {"both": 0, "seeds": 0}
    for _ in range(600):
        values = errors(rng, seeds, 360, of_seeds=of_seeds, of_images=of_images)
        for kind, found in (("both", two_way(values).interval), ("seeds", t_interval(values.mean(1)))):
            hits[kind] += found.low <= 5 <= found.high
    assert hits["both"] / 600 == pytest.approx(0.95, abs=0.035)
    if of_images == 2.0 and seeds == 10:
        assert hits["seeds"] / 600 < 0.8


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_a_paired_difference_of_nothing_holds_0_in_95_of_100(seeds):
    rng = np.random.default_rng(seeds)
    hits = 0
    for _ in range(600):
        image, both = rng.normal(0, 2, (1, 360)), rng.normal(0, 0.1, (2, seeds, 1))
        own = rng.normal(0, 0.7, (2, 1, 360))  # what each arm finds hard, whatever the seed
        wrong = 100.0 * (image + own + both + rng.normal(0, 1, (2, seeds, 360)) > 4)
        found = two_way(wrong[0] - wrong[1]).interval
        hits += found.low <= 0 <= found.high
    assert hits / 600 == pytest.approx(0.95, abs=0.035)


def test_one_seed_or_one_image_has_no_limits_and_no_spread_has_no_width():
    for shape in ((1, 9), (9, 1)):
        found = two_way(np.ones(shape)).interval
        assert (found.mean, math.isnan(found.low)) == (1, True)
    assert two_way(np.zeros((3, 9))).interval.high == 0
    assert math.isnan(two_way(np.zeros((0, 0))).interval.mean)


def test_equal_rows_leave_the_columns_alone():
    values = np.tile(np.arange(50.0), (4, 1))
    found = two_way(values)
    assert (found.rows_se, found.columns_se) == (0, pytest.approx(np.std(np.arange(50), ddof=1) / math.sqrt(50)))
    assert found.interval.high - found.interval.mean == pytest.approx(2.01 * found.columns_se, rel=0.01)


def test_the_interval_is_never_narrower_than_that_over_seeds():
    rng = np.random.default_rng(3)
    for _ in range(200):
        values = errors(rng, 3, 360, of_seeds=0.3, of_images=0.5)
        both, seeds = two_way(values).interval, t_interval(values.mean(1))
        assert both.high - both.low >= seeds.high - seeds.low - 1e-9
