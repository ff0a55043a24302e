"""Paired comparisons against textbook data."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.comparison.arms import summarise
from analysis.comparison.compare import as_dict, compare, sensitivity
from analysis.stats.intervals import t_interval
from analysis.stats.power import power

NORM = "model.block.norm_position"
# Student 1908: hours of sleep gained by ten patients with one drug and the other (R's data set `sleep`).
ONE = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
OTHER = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)


def comparisons(one, other, margin=0.0):
    trials = [
        {NORM: norm, "seed": seed, "status": "complete", "reason": None, "test/error": value}
        for norm, values in (("before_add", one), ("after_add", other))
        for seed, value in enumerate(values)
    ]
    rows = summarise(trials, arm=[NORM], context=[], baseline={NORM: "before_add"})
    return compare(trials, rows, margin=margin)


def test_students_sleep():
    (found,) = comparisons(ONE, OTHER)
    assert (found.row.pairs, found.row.difference) == (10, pytest.approx(1.58))
    assert found.row.p == pytest.approx(0.00283, abs=1e-5)  # R: t.test(paired = TRUE)
    assert found.sd == pytest.approx(1.23, abs=0.001)
    assert found.dz == pytest.approx(1.58 / 1.23, abs=0.001)
    assert found.p_sign_flip == pytest.approx(4 / 2**10)  # nine gains, one tie: only all signs alike are as far
    assert found.floor_sign_flip == 2**-9
    assert found.wilcoxon.floor == 2**-8  # nine pairs differ
    assert found.wilcoxon.p == 2**-8  # all nine point one way; R, which approximates with ties, has 0.009
    assert found.pairing_gain == pytest.approx((1.789**2 + 2.002**2) / 1.23**2, abs=0.01)


def test_what_was_detectable_is_found_with_the_power_said():
    (found,) = comparisons(ONE, OTHER)
    assert power(found.detectable, found.sd, 10, kind="paired") == pytest.approx(0.8, abs=1e-6)
    reached = sensitivity([found])
    assert (reached.pairs, reached.typical) == (10, found.detectable)
    assert (found.detectable_holm, reached.typical_holm) == (found.detectable, found.detectable)  # one comparison
    assert (reached.sd_low, reached.sd_high) == (pytest.approx(0.688, abs=0.001), pytest.approx(1.826, abs=0.001))


def test_what_was_detectable_with_holm_is_found_at_the_first_step_of_the_table():
    trials = [
        {NORM: norm, "seed": seed, "status": "complete", "reason": None, "test/error": value}
        for norm, values in (("before_add", ONE), ("after_add", OTHER), ("none", (*ONE[1:], 2.5)))
        for seed, value in enumerate(values)
    ]
    found, other = compare(trials, summarise(trials, arm=[NORM], context=[], baseline={NORM: "before_add"}))
    assert found.detectable_holm > found.detectable
    for each in (found, other):
        assert power(each.detectable_holm, each.sd, 10, kind="paired", alpha=0.05 / 2) == pytest.approx(0.8, abs=1e-6)


def test_a_margin_adds_the_test_of_equivalence():
    (found,) = comparisons(ONE, OTHER)
    assert found.equivalence is None
    assert as_dict(found)["p_tost"] is None
    (found,) = comparisons(ONE, OTHER, margin=3.0)
    assert found.equivalence.p == pytest.approx(
        stats.ttest_1samp([b - a for a, b in zip(ONE, OTHER, strict=True)], 3, alternative="less").pvalue
    )
    assert (found.equivalence.low, found.equivalence.high) == (
        pytest.approx(0.867, abs=0.001),
        pytest.approx(2.293, abs=0.001),
    )
    assert found.p_tost_holm == found.equivalence.p  # one comparison
    assert as_dict(found)["p_tost"] == found.equivalence.p


def test_equal_differences_claim_nothing():
    (found,) = comparisons((1.0, 2.0, 3.0), (1.5, 2.5, 3.5))
    assert all(map(math.isnan, (found.dz, found.detectable, found.pairing_gain)))
    assert found.p_sign_flip == 0.25
    assert found.wilcoxon is None
    assert sensitivity([found]) is None
    assert json.loads(json.dumps(as_dict(found)))["dz"] is None


def test_one_pair_and_more_than_the_exact_test_takes():
    (one,) = comparisons((1.0,), (2.0,))
    assert (one.p_sign_flip, one.sd != one.sd, one.detectable != one.detectable) == (1.0, True, True)
    (many,) = comparisons([float(i % 5) for i in range(25)], [float(i % 7) for i in range(25)])
    assert math.isnan(many.p_sign_flip)
    assert many.dz == pytest.approx(many.row.difference / many.sd)


@settings(max_examples=20)  # an example solves for an effect twice
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=8))
def test_signs_turn_with_the_arms_and_the_interval_belongs_to_the_sd(pairs):
    (found,) = comparisons(*zip(*pairs, strict=True))
    (turned,) = comparisons(*reversed(list(zip(*pairs, strict=True))))
    assert found.row.difference == pytest.approx(-turned.row.difference, abs=1e-9)
    assert found.p_sign_flip == pytest.approx(turned.p_sign_flip)
    expected = t_interval([b - a for a, b in pairs])
    assert (found.row.difference_low, found.row.difference_high) == (expected.low, expected.high)
