"""Diverged runs as outcomes: differences, medians and exact tests in which infinity is the worst there is.

A mean over the runs that survived flatters the arm that fails. Ranks need no mean: a diverged run ranks below every
other, as algorithms that never reach the target do in Dolan and More (2002, Mathematical Programming 91).
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from analysis.stats.paired_tests import EXACT_UP_TO, sign_flip


def paired_differences(own: Mapping[int, float], other: Mapping[int, float]) -> list[float]:
    """Return own minus other over the seeds in both, in the order of `own`; two infinite values are equal."""
    return [_difference(value, other[seed]) for seed, value in own.items() if seed in other]


def _difference(value: float, reference: float) -> float:
    return 0.0 if value == reference else value - reference


def worst_median(values: Sequence[float]) -> float:
    """Return the median with infinite values as the worst; nan for none."""
    return median(values) if values else math.nan


def signed_ranks(differences: Sequence[float]) -> list[float]:
    """Return the ranks of the absolute differences with their signs; ties share a rank, differences of 0 have none."""
    from scipy import stats

    moved = [value for value in differences if value != 0]
    ranks = stats.rankdata([abs(value) for value in moved])
    return [math.copysign(float(rank), value) for rank, value in zip(ranks, moved, strict=True)]


def signed_rank_p(differences: Sequence[float]) -> float:
    """Return the two-sided p of Wilcoxon's (1945) signed-rank test; infinite differences have the highest ranks.

    It is the exact permutation of signs up to EXACT_UP_TO differences that are not 0, for which ties need no
    correction, and the normal approximation beyond. 1 where all are 0, nan where there are none. n differences cannot
    go under 2^(1 - n).
    """
    if not differences:
        return math.nan
    ranks = signed_ranks(differences)
    if not ranks:
        return 1.0
    if len(ranks) <= EXACT_UP_TO:
        return sign_flip(ranks)
    from scipy.special import ndtr

    return 2 * float(ndtr(-abs(sum(ranks)) / math.sqrt(sum(rank**2 for rank in ranks))))


def direction(differences: Sequence[float]) -> int:
    """Return 1 where the signed ranks say larger, -1 where they say smaller, 0 where neither."""
    total = sum(signed_ranks(differences))
    return (total > 0) - (total < 0)
