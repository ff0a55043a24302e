"""Paired tests with textbook answers."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.stats.paired_tests import cohens_dz, hedges_gz, pairing_gain, sign_flip, tost, wilcoxon

# Darwin's cross- and self-fertilised maize, height differences in eighths of an inch (Fisher 1935, section 17).
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_darwins_maize_has_fishers_permutation_p():
    """Fisher 1935, section 21: 1,726 of 32,768 patterns are as extreme, 863 a side."""
    assert sign_flip(DARWIN) == pytest.approx(1726 / 32768)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=7))
def test_sign_flip_counts_every_pattern(differences):
    observed = abs(sum(differences))
    patterns = itertools.product((1, -1), repeat=len(differences))
    hits = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) >= observed for signs in patterns]
    assert sign_flip(differences) == pytest.approx(sum(hits) / len(hits))


def test_the_least_p_of_three_pairs_is_a_quarter():
    assert sign_flip([1.0, 2.0, 3.0]) == 0.25
    assert math.isnan(sign_flip([]))
    with pytest.raises(ValueError, match="at most 20"):
        sign_flip([1.0] * 21)


def test_wilcoxon_waits_for_six_pairs_and_states_its_floor():
    assert wilcoxon([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    assert wilcoxon([1.0, 2.0, 3.0, 4.0, 5.0, 0.0]) is None
    result = wilcoxon([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert result is not None
    assert (result.p, result.floor) == (0.03125, 0.03125)


def test_cohens_dz_is_t_over_root_n():
    assert cohens_dz(DARWIN) == pytest.approx(stats.ttest_1samp(DARWIN, 0).statistic / math.sqrt(15))
    assert math.isnan(cohens_dz([1.0]))
    # Hedges 1981, table 1: c(2) = 0.5642, c(4) = 0.7979, c(14) = 0.9450.
    for n, factor in ((3, 0.5642), (5, 0.7979), (15, 0.9450)):
        assert hedges_gz(DARWIN[:n]) / cohens_dz(DARWIN[:n]) == pytest.approx(factor, abs=1e-3)
    assert math.isnan(hedges_gz(DARWIN[:2]))
    assert math.isnan(cohens_dz([1.0, 1.0]))


def test_equivalence_is_the_ninety_per_cent_interval_within_the_margin():
    near = [0.1, -0.1, 0.05, -0.02, 0.03]
    result = tost(near, 0.2)
    assert result.equivalent
    assert -0.2 < result.low < result.high < 0.2
    assert not tost(near, 0.05).equivalent
    assert not tost([1.0], 5.0).equivalent
    with pytest.raises(ValueError, match="above 0"):
        tost(near, 0)


def test_tost_is_two_one_sided_t_tests():
    sides = [
        stats.ttest_1samp(DARWIN, bound, alternative=side).pvalue for bound, side in ((-40, "greater"), (40, "less"))
    ]
    assert tost(DARWIN, 40).p == pytest.approx(max(sides))


def test_differences_without_spread_show_no_equivalence():
    for equal in ([0.0, 0.0, 0.0], [0.3, 0.3], [0.1 + 0.2, 0.3]):
        result = tost(equal, 1.0)
        assert math.isnan(result.p)
        assert not result.equivalent


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=9), st.floats(0.1, 3))
def test_tost_agrees_with_its_interval(differences, margin):
    result = tost(differences, margin)
    if math.isnan(result.p):
        assert not result.equivalent
    elif abs(max(abs(result.low), abs(result.high)) - margin) > 1e-6:
        assert result.equivalent == (-margin < result.low and result.high < margin)


def test_tost_is_wrong_at_most_at_the_nominal_rate_on_the_margin():
    draws = np.random.default_rng(1).normal(0.5, 1.0, (4000, 6))
    assert np.mean([tost(list(row), 0.5).equivalent for row in draws]) <= 0.05 + 0.007


def test_pairing_pays_where_seeds_move_both_arms():
    together = [(1.0, 1.1), (2.0, 2.2), (3.0, 2.9), (4.0, 4.1)]
    assert pairing_gain(together) > 50
    assert pairing_gain([(1.0, 2.0), (2.0, 1.0)]) == pytest.approx(0.5)
    assert math.isnan(pairing_gain([(1.0, 2.0)]))


@given(st.lists(st.integers(-3, 3).filter(bool), min_size=6, max_size=10))
def test_wilcoxon_is_never_under_its_floor_ties_or_not(differences):
    found = wilcoxon([float(value) for value in differences])
    assert found.floor <= found.p <= 1
