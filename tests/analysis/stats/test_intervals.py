"""Intervals and tests against published values, scipy and statsmodels."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from analysis.stats.intervals import Interval, holm, paired_t, t_factor, t_interval, wilson

# Student (1908), the sleep data: extra hours of sleep under two drugs, ten patients.
SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
SLEEP = [a - b for a, b in zip(SLEEP_1, SLEEP_2, strict=True)]

probabilities = st.lists(st.floats(0, 1), max_size=12)
values = st.lists(st.floats(-100, 100), min_size=2, max_size=10)


def test_sleep_data_as_published():
    interval = t_interval(SLEEP)
    assert interval.mean == pytest.approx(-1.58)
    assert (interval.low, interval.high) == pytest.approx((-2.4598858, -0.7001142), abs=1e-7)
    assert paired_t(SLEEP) == pytest.approx(0.002833, abs=1e-6)


def test_interval_of_few_values():
    assert t_interval([1.0, 2.0, 3.0]).high == pytest.approx(2 + 4.30265 / math.sqrt(3), abs=1e-5)
    one = t_interval([3.7])
    assert one.mean == 3.7
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert all(math.isnan(limit) for limit in (t_interval([]).mean, t_interval([]).low, t_interval([]).high))
    assert t_interval([4.0, 4.0]) == Interval(4.0, 4.0, 4.0)


def test_factor_is_the_table_value_over_root_n():
    assert [round(t_factor(n), 2) for n in (2, 3, 5)] == [8.98, 2.48, 1.24]
    assert math.isnan(t_factor(1))


@given(values, st.sampled_from([0.8, 0.95, 0.99]))
def test_interval_agrees_with_scipy(data, confidence):
    assume(np.std(data) > 1e-6)
    ours = t_interval(np.array(data), confidence)
    low, high = stats.t.interval(confidence, len(data) - 1, loc=np.mean(data), scale=stats.sem(data))
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-8, abs=1e-8)


@given(values)
def test_paired_t_agrees_with_scipy(data):
    assume(np.std(data) > 1e-6)
    assert paired_t(data) == pytest.approx(stats.ttest_1samp(data, 0).pvalue, rel=1e-6)


@pytest.mark.parametrize("n", [3, 5])
def test_interval_covers_95_per_cent(n):
    draws = np.random.default_rng(n).normal(6.6, 0.16, size=(20_000, n))
    hits = [i.low <= 6.6 <= i.high for i in map(t_interval, draws.tolist())]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.01)


def test_paired_t_without_a_spread():
    assert math.isnan(paired_t([]))
    assert math.isnan(paired_t([0.3]))
    assert paired_t([0.0, 0.0, 0.0]) == 1.0
    assert math.isnan(paired_t([0.28, 0.28, 0.28]))
    assert math.isnan(paired_t([93.3 - 93.0, 3.3 - 3.0, 0.3]))  # equal but for rounding


def test_holm_as_in_r():
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm"), and an unsorted family worked by hand.
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.04, 0.001, 0.5]) == pytest.approx([0.08, 0.003, 0.5])


def test_holm_does_not_count_nan():
    first, second, third = holm([0.02, math.nan, 0.03])
    assert (first, third) == pytest.approx((0.04, 0.04))
    assert math.isnan(second)
    assert holm([]) == []
    assert math.isnan(holm([math.nan])[0])


@given(probabilities)
def test_holm_keeps_the_order_and_never_lowers(raw):
    adjusted = holm(raw)
    assert all(p <= q + 1e-12 and q <= 1 for p, q in zip(raw, adjusted, strict=True))
    in_order = [adjusted[i] for i in np.argsort(raw, kind="stable")]
    assert in_order == sorted(in_order)


def test_holm_agrees_with_statsmodels():
    raw = np.random.default_rng(0).random(20)
    assert holm(raw.tolist()) == pytest.approx(multipletests(raw, method="holm")[1])


def test_holm_keeps_the_family_wise_error():
    # Five true nulls on three seeds, sharing a baseline as the arms of a study do (0.048 in 400,000 draws).
    noise = np.random.default_rng(0).normal(size=(20_000, 6, 3))
    differences = noise[:, 1:] - noise[:, :1]
    raw = 2 * stats.t.sf(np.abs(differences.mean(-1)) / stats.sem(differences, axis=-1), 2)
    simulation_error = math.sqrt(0.05 * 0.95 / 20_000)
    assert np.mean([min(holm(row)) < 0.05 for row in raw.tolist()]) <= 0.05 + 2 * simulation_error


def test_wilson_as_published():
    # Newcombe (1998), table I: 81 of 263, and 0 of 20.
    first, none = wilson(81, 263), wilson(0, 20)
    assert (round(first.low, 4), round(first.high, 4)) == (0.2553, 0.3662)
    assert none.low == 0
    assert round(none.high, 4) == 0.1611
    assert math.isnan(wilson(0, 0).mean)
    with pytest.raises(ValueError, match="21 errors of 20 images"):
        wilson(21, 20)


@given(st.integers(1, 10_000), st.data())
def test_wilson_agrees_with_statsmodels(n, data):
    errors = data.draw(st.integers(0, n))
    low, high = proportion_confint(errors, n, method="wilson")
    ours = wilson(errors, n)
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-12)
    assert 0 <= ours.low <= ours.mean <= ours.high <= 1
