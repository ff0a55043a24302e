"""Verdict on a published figure, by a rule that is written down and simulated.

Our n results have mean m and sd s. If the published runs came from the same distribution, their statistic T of r runs
(mean, median or best) lies around m + s E(T) with variance s^2 (1/n + V(T)), E and V for standard normal draws; so

    |published - m - s E(T)|  <=  t(97.5 %; n - 1) s sqrt(1/n + V(T))

holds in 95 of 100 cases, exactly for a mean and closely for the others (simulated in the tests). For the best of r,
where E is not 0, s is freed of its bias and its own variance is added.

    protocol differs   the data or the recipe are not the published ones: nothing can be said
    underpowered       fewer than two seeds, or the figure lies inside limits wider than MARGIN either way
    withheld           seeds of ours diverged: over the others the limits would flatter
    reproduced         the figure lies inside the limits, and they are no wider than MARGIN
    contradicted       the figure lies outside the limits

Where the published figure is a failure, a median above some error, our k of n results above it are tested against a
median exactly there by the sign test: reproduced where k or more, contradicted where k or fewer, come about in at
most 5 of 100 cases; else underpowered, as with fewer than five seeds always. A diverged trial is above every error.

What may differ but is stated nowhere, such as whether the held-out 5,000 images were trained on in the end, is noted
next to the verdict and decides nothing: the rates above are those of the rule alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, median, stdev
from typing import Literal

from analysis.comparison.published import Published, Statistic

Name = Literal["reproduced", "contradicted", "underpowered", "withheld", "protocol differs"]
MARGIN = 1.0
"""Points of error. Wider limits would call a net that is a point off reproduced."""
SIGN_ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One published figure against our runs; `low` and `high` are where it should lie, in per cent."""

    published: Published
    ours: float
    """The mean of our errors; infinite where a seed diverged."""
    median: float
    """The median, with infinity for a diverged seed."""
    n: int
    low: float
    high: float
    name: Name
    deviations: tuple[str, ...]
    noted: tuple[str, ...] = ()
    """What may differ and nobody can settle: printed next to the verdict, without a part in it."""


def judge(
    figure: Published,
    results: Sequence[float],
    deviations: Sequence[str],
    margin: float = MARGIN,
    noted: Sequence[str] = (),
) -> Verdict:
    """Apply the rule to our test errors (per cent), one per seed, infinity for a diverged one.

    What is `noted` is passed on and changes nothing.
    """
    lost = any(map(math.isinf, results))
    known = [] if figure.fails or lost else results
    low, high = limits(known, figure.statistic, max(figure.runs, 1))
    if figure.fails and not deviations:
        name = failing([value > figure.value for value in results])
    else:
        name = "withheld" if lost and not deviations else _name(figure.value, low, high, deviations, margin)
    return Verdict(
        published=figure,
        ours=fmean(results) if results else math.nan,
        median=median(results) if results else math.nan,
        n=len(results),
        low=low,
        high=high,
        name=name,
        deviations=tuple(deviations),
        noted=tuple(noted),
    )


FAIL_ABOVE = 20.0
"""Test error in per cent above which He et al. 2016 (arXiv 1603.05027, section 3.1) report `fail`."""


def reported_median(verdict: Verdict) -> str:
    """Return our median as He et al. 2016 report theirs, of five runs: `fail` where it is above FAIL_ABOVE."""
    return "fail" if verdict.median > FAIL_ABOVE else f"{verdict.median:.2f}"


def failing(failed: Sequence[bool]) -> Name:
    """Return the verdict on a published failure, by the sign test of the number of our runs that fail."""
    from scipy.special import bdtr

    n, k = len(failed), sum(failed)
    if n and 1 - (bdtr(k - 1, n, 0.5) if k else 0.0) <= SIGN_ALPHA:
        return "reproduced"
    return "contradicted" if n and bdtr(k, n, 0.5) <= SIGN_ALPHA else "underpowered"


def limits(results: Sequence[float], statistic: Statistic, runs: int) -> tuple[float, float]:
    """Return the 95 % prediction limits of a statistic of `runs` further runs; nan for fewer than two results."""
    if len(results) < 2:
        return math.nan, math.nan
    from scipy.special import stdtrit

    shift, variance = moments(statistic, runs)
    n, spread = len(results), stdev(results)
    bias = _c4(n)
    centre = fmean(results) + shift * spread / bias
    half = float(stdtrit(n - 1, 0.975)) * spread * math.sqrt(1 / n + variance + shift**2 * (1 / bias**2 - 1))
    return centre - half, centre + half


def _c4(n: int) -> float:
    """Return the mean of the sd of n normal draws, as a share of the true one."""
    return math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))


@cache
def moments(statistic: Statistic, runs: int) -> tuple[float, float]:
    """Return mean and variance of the statistic of `runs` standard normal draws, by numerical integration."""
    if statistic == "mean":
        return 0.0, 1 / runs
    import numpy as np
    from scipy import stats

    rank = runs // 2 if statistic == "median" else 0  # odd numbers of runs only: all published ones are
    x = np.linspace(-9, 9, 20_001)
    below = stats.norm.cdf(x)
    density = runs * math.comb(runs - 1, rank) * below**rank * (1 - below) ** (runs - 1 - rank) * stats.norm.pdf(x)
    mean = float(np.trapezoid(x * density, x))
    return mean, float(np.trapezoid(x**2 * density, x)) - mean**2


def _name(value: float, low: float, high: float, deviations: Sequence[str], margin: float) -> Name:
    if deviations:
        return "protocol differs"
    if math.isnan(low):
        return "underpowered"
    if not low <= value <= high:
        return "contradicted"
    return "reproduced" if (high - low) / 2 <= margin else "underpowered"
