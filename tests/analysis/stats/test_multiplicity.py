"""Benjamini and Hochberg's correction: their own example, and the false discovery rate by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.stats.intervals import holm
from analysis.stats.multiplicity import benjamini_hochberg

# Benjamini and Hochberg 1995, section 4.1: fifteen endpoints of a trial, of which theirs rejects four and Holm's three.
ENDPOINTS = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528]
ENDPOINTS += [0.759, 1.0]


def test_their_own_example_rejects_four_where_holms_rejects_three():
    assert sum(p <= 0.05 for p in benjamini_hochberg(ENDPOINTS)) == 4
    assert sum(p <= 0.05 for p in holm(ENDPOINTS)) == 3


def test_order_nan_and_nothing():
    assert benjamini_hochberg([0.02, math.nan, 0.01])[::2] == pytest.approx([0.02, 0.02])
    assert math.isnan(benjamini_hochberg([0.02, math.nan, 0.01])[1])
    assert benjamini_hochberg([]) == []
    assert math.isnan(benjamini_hochberg([math.nan])[0])


@pytest.mark.parametrize("real", [0, 3, 6])
def test_the_share_of_false_differences_among_those_found_is_at_most_5_of_100(real):
    """Eight arms against a baseline that they share, 5 seeds, paired: the tests depend on each other."""
    rng, studies, arms, n = np.random.default_rng(real), 1_500, 8, 5
    base = rng.normal(0, 0.3, (studies, n, 1))
    shift = np.where(np.arange(arms) < real, 1.5, 0.0)
    p = stats.ttest_1samp(rng.normal(0, 0.4, (studies, n, arms)) + shift - base, 0, axis=1).pvalue
    found = np.array([benjamini_hochberg(row) for row in p.tolist()]) <= 0.05
    false_share = found[:, real:].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    assert false_share.mean() <= 0.05 + 2.33 * false_share.std() / math.sqrt(studies)
    if real:
        by_holm = np.array([holm(row) for row in p.tolist()]) <= 0.05
        assert found[:, :real].mean() > by_holm[:, :real].mean()  # what it is asked for
