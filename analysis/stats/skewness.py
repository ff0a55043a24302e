"""Tests of mean 0 that skewed differences need besides Student's t, which errs three times too often at 5 to 20 pairs.

The mean and the sd of a skewed sample go together, so t is off on one side. Hall's transformation takes the skewness
out of t; the sign-flip test needs no distribution, only that the differences are symmetric about the mean tested.
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from analysis.stats.intervals import ROUNDING
from analysis.stats.paired_tests import sign_flip


def hall_p(differences: Sequence[float]) -> float:
    """Return the two-sided p of the t test whose statistic is freed of skewness (Hall 1992, JRSS B 54, 221-228).

    With n pairs and skewness g (the unbiased G1), t becomes t + a t^2 / 3 + a^2 t^3 / 27 + a / 6, a = g / sqrt(n): a
    monotone cubic. nan below three pairs, without spread, or where a difference is not finite.
    """
    n = len(differences)
    if n < 3 or not all(map(math.isfinite, differences)):
        return math.nan
    mean, sd = fmean(differences), stdev(differences)
    if sd <= ROUNDING * max(map(abs, differences)):
        return math.nan
    from scipy.special import stdtr

    # G1 of n values, from the sd with n - 1; over sqrt(n) at once
    a = sum(((value - mean) / sd) ** 3 for value in differences) * math.sqrt(n) / ((n - 1) * (n - 2))
    t = mean / sd * math.sqrt(n)
    return 2 * float(stdtr(n - 1, -abs(t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6)))


def holds_if_skewed(differences: Sequence[float], level: float) -> bool:
    """Whether both the exact sign-flip test and Hall's reject a mean of 0 at a two-sided level.

    Never below `least_pairs(level)` pairs. Raises ValueError past the pairs that `sign_flip` takes.
    """
    return hall_p(differences) <= level and sign_flip(differences) <= level


def least_pairs(level: float) -> int:
    """Return with how many pairs the sign-flip test can reach a level at all: its least p is 2^(1 - n)."""
    return 1 + math.ceil(-math.log2(level))
