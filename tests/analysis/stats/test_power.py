"""Power against published planning figures, statsmodels and simulation."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

from analysis.stats.power import minimum_detectable_effect, power, seeds_needed

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
