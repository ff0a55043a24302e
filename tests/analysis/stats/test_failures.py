"""Diverged runs as outcomes: exact p by enumeration, and error rates by simulation."""

import itertools
import math
import random

import pytest

from analysis.stats.failures import direction, paired_differences, signed_rank_p, signed_ranks, worst_median
from analysis.stats.intervals import paired_t

INF = math.inf


def test_a_diverged_seed_is_worse_than_every_other_and_equal_to_another_diverged_one():
    own, other = {0: 5.0, 1: INF, 2: 6.0, 3: INF, 4: 1.0}, {0: 4.0, 1: 7.0, 2: INF, 3: INF}
    assert paired_differences(own, other) == [1.0, INF, -INF, 0.0]


def test_the_median_has_the_failures_in_it():
    assert worst_median([6.2, INF, 6.3, INF, INF]) == INF
    assert worst_median([6.2, INF, 6.3, 6.5, INF]) == 6.5
    assert math.isnan(worst_median([]))


def test_infinite_differences_have_the_highest_ranks_and_share_them():
    assert signed_ranks([INF, -0.2, 0.1, INF, 0.0]) == [3.5, -2.0, 1.0, 3.5]
    assert direction([INF, -0.2, 0.1]) == 1
    assert direction([-INF, 0.2]) == -1
    assert direction([0.0]) == 0


@pytest.mark.parametrize("differences", [[INF, INF, INF, -0.3, -0.1], [INF, -INF, 0.2, 0.3], [0.1, 0.2, INF]])
def test_p_is_the_share_of_sign_patterns_at_least_as_far_from_zero(differences):
    ranks = [abs(rank) for rank in signed_ranks(differences)]
    seen = abs(sum(signed_ranks(differences)))
    sums = [
        abs(sum(s * r for s, r in zip(signs, ranks, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(ranks))
    ]
    assert signed_rank_p(differences) == pytest.approx(sum(total >= seen - 1e-9 for total in sums) / len(sums))


def test_nothing_and_no_difference():
    assert math.isnan(signed_rank_p([]))
    assert signed_rank_p([0.0, 0.0]) == 1.0


def test_many_differences_are_approximated():
    assert signed_rank_p([INF] * 12 + [-0.1] * 13) < 0.05 < signed_rank_p([INF, -INF] * 13)


def p_of(own, other):
    """The rule of the table: ranks where a seed diverged, else the paired t test."""
    lost = any(map(math.isinf, [*own.values(), *other.values()]))
    differences = paired_differences(own, other)
    return signed_rank_p(differences) if lost else paired_t(differences)


def simulated(n, own_failing, other_failing, studies, shift=0.0):
    """Return the shares of studies that call the first arm worse and better at 5 %."""
    draw = random.Random(f"{n} {own_failing} {other_failing}")
    worse = better = 0
    for _ in range(studies):
        seed_effect = [draw.gauss(0, 0.1) for _ in range(n)]
        own, other = (
            {
                i: INF if draw.random() < failing else 6 + add + e + draw.gauss(0, 0.15)
                for i, e in enumerate(seed_effect)
            }
            for failing, add in ((own_failing, shift), (other_failing, 0.0))
        )
        if p_of(own, other) < 0.05:
            says = direction(paired_differences(own, other))
            worse, better = worse + (says > 0), better + (says < 0)
    return worse / studies, better / studies


@pytest.mark.parametrize("failing", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_equal_arms_are_separated_in_at_most_5_of_100_studies(n, failing):
    studies = 2000
    error = sum(simulated(n, failing, failing, studies))
    assert error <= 0.05 + 2.33 * math.sqrt(0.05 * 0.95 / studies)


@pytest.mark.parametrize(("own", "other"), [(0.5, 0.0), (0.5, 0.2), (0.2, 0.0)])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_arm_that_fails_more_is_not_called_better(n, own, other):
    """Its survivors may even be a little better: the rate of the wrong claim stays under half of 5 %."""
    studies = 1000
    _, better = simulated(n, own, other, studies, shift=-0.02)
    assert better <= 0.025 + 2.33 * math.sqrt(0.025 * 0.975 / studies)
