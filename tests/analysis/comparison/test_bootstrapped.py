"""Bootstrap-t intervals of arms and differences: what they rest on, and their coverage by simulation."""

import math

import numpy as np
import pytest

from analysis.comparison.arms import summarise
from analysis.comparison.bootstrapped import bootstrapped
from analysis.stats.bootstrap import bootstrap_t

NORM = "model.block.norm_position"


def found(before, after):
    """Both arms with their intervals; infinity is a diverged seed."""
    trials = []
    for arm, values in (("before_add", before), ("after_add", after)):
        for seed, value in enumerate(values):
            end = (
                {"status": "failed", "reason": "diverged"}
                if value == math.inf
                else {"status": "complete", "reason": None}
            )
            trials.append({NORM: arm, "seed": seed, "test/error": value, **end})
    return bootstrapped(trials, summarise(trials, arm=[NORM], context=[], baseline={NORM: "before_add"}))


def test_the_difference_is_that_of_the_pairs():
    before, after = [5.0, 5.4, 4.9, 5.1, 6.0], [5.9, 6.1, 5.3, 6.4, 6.5]
    base, arm = found(before, after)
    assert base.error == bootstrap_t(before)
    assert math.isnan(base.difference.mean)
    assert arm.difference == bootstrap_t([b - a for a, b in zip(before, after, strict=True)])


def test_few_seeds_and_a_diverged_one_have_none():
    _, few = found([5.0, 5.1, 5.2], [6.0, 6.3, 6.2])
    assert (few.error.mean, math.isnan(few.error.low)) == (pytest.approx(18.5 / 3), True)
    base, lost = found([5.0, 5.1, 5.2, 5.4, 5.5], [6.0, 6.1, 6.2, 6.3, math.inf])
    assert all(map(math.isnan, (lost.error.mean, lost.difference.mean)))
    assert base.error.low < base.error.mean


@pytest.mark.parametrize("seeds", [5, 10])
def test_paired_differences_are_covered_near_nominal(seeds):
    """Of normal differences; of skewed ones see tests/analysis/stats/test_bootstrap.py."""
    rng, samples, held = np.random.default_rng(seeds), 300, 0
    for _ in range(samples):
        before = rng.normal(5, 0.3, seeds)
        _, arm = found(before.tolist(), (before + rng.normal(1.0, 0.4, seeds)).tolist())
        held += arm.difference.low <= 1.0 <= arm.difference.high
    assert held / samples == pytest.approx(0.95, abs=0.04)
