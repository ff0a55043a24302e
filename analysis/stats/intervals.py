"""Intervals and tests on plain numbers. The unit is a seed; nothing here knows of trials or tables."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

ROUNDING = 1e-9
"""A spread below this share of the largest value is rounding: a percentage keeps some 13 digits."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence limits, all in the unit of the data; nan where not defined."""

    mean: float
    low: float
    high: float


def t_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """Return the mean of n values with its Student-t interval (Student 1908), in the unit of the values.

    The limits are nan for one value and where one is not finite, and all is nan for none. Equal values give an interval
    of no width.
    """
    data = [float(value) for value in values]
    if not data:
        return Interval(math.nan, math.nan, math.nan)
    mean = fmean(data)
    if len(data) == 1 or not all(map(math.isfinite, data)):
        return Interval(mean, math.nan, math.nan)
    half = t_factor(len(data), 1 - confidence) * stdev(data)
    return Interval(mean, mean - half, mean + half)


def t_factor(n: int, alpha: float = 0.05) -> float:
    """Return how many standard deviations the mean of n values must lie from 0 for a two-sided p of alpha.

    It is t(1 - alpha/2; n - 1) / sqrt(n): 2.48 at n = 3, 1.24 at n = 5; nan under n = 2.
    """
    from scipy.special import stdtrit  # scipy.stats would add half a second to the import

    return float(stdtrit(n - 1, 1 - alpha / 2)) / math.sqrt(n) if n > 1 else math.nan


def paired_t(differences: Iterable[float]) -> float:
    """Return the two-sided p of Student's paired t test from the n differences.

    It is nan for fewer than two. Differences that are all 0 give 1. Differences that are all equal and not 0
    give nan: a spread of 0 comes from a metric in coarse steps (one image of the test set), not from
    certainty, so the test is not defined there (R's t.test refuses likewise); a p of 0 would claim too much.
    """
    from scipy.special import stdtr

    data = [float(value) for value in differences]
    if len(data) < 2:
        return math.nan
    largest, spread = max(map(abs, data)), stdev(data)
    if largest == 0:
        return 1.0
    if spread <= ROUNDING * largest:
        return math.nan
    return 2 * float(stdtr(len(data) - 1, -abs(fmean(data)) / spread * math.sqrt(len(data))))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the step-down adjusted p values of Holm (1979), in the order given.

    A nan stays nan and does not count as a comparison.
    """
    # statsmodels' multipletests gives the same numbers, but collects garbage at each call (47 ms measured).
    adjusted = [math.nan] * len(p_values)
    tested = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    highest = 0.0
    for rank, (p, i) in enumerate(tested):
        highest = max(highest, min(1.0, (len(tested) - rank) * p))
        adjusted[i] = highest
    return adjusted


def wilson(errors: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the share errors / n with its score interval (Wilson 1927), as fractions; all nan for n = 0.

    This is the error of reading one network on n test images. It is no substitute for seeds.
    """
    from scipy.special import ndtri

    if not 0 <= errors <= n:
        raise ValueError(f"{errors} errors of {n} images: errors lie between 0 and n")
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    z, share = float(ndtri((1 + confidence) / 2)), errors / n
    shrink = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, 0.0 if errors == 0 else centre - half, 1.0 if errors == n else centre + half)
