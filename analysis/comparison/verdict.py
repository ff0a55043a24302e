"""Verdict on a published figure, by a rule that is written down and simulated.

Our n results have mean m and sd s. If the published runs came from the same distribution, their statistic T of r runs
(mean, median or best) lies around m + s E(T) with variance s^2 (1/n + V(T)), E and V for standard normal draws; so

    |published - m - s E(T)|  <=  t(97.5 %; n - 1) s sqrt(1/n + V(T))

holds in 95 of 100 cases, exactly for a mean and closely for the others (simulated in the tests). For the best of r,
where E is not 0, s is freed of its bias and its own variance is added.

    protocol differs   some stated part of the protocol is not ours, or too little is stated: nothing can be said
    underpowered       fewer than two seeds, or the figure lies inside limits wider than MARGIN either way
    withheld           seeds of ours diverged: over the others the limits would flatter
    reproduced         the figure lies inside the limits, and they are no wider than MARGIN
    contradicted       the figure lies outside the limits

Where the published figure is a failure, a median above some error, our k of n results above it are tested against a
median exactly there by the sign test: reproduced where k or more, contradicted where k or fewer, come about in at
most 5 of 100 cases; else underpowered, as with fewer than five seeds always. A diverged trial is above every error.

A report holds several verdicts, and each claims something. Its limits, and the sign test's level, are therefore set
by Holm (1979) over all of them, by `level`: in 95 of 100 reports no figure of our own distribution is
contradicted.

A verdict is pronounced only where all stated parts of the protocol agree (analysis.comparison.published). What is
stated nowhere, such as whether the held-out 5,000 images were trained on in the end, is noted next to the verdict and
decides nothing: the rates above are those of the rule alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, median, stdev
from typing import Literal

from analysis.comparison.published import Published, Statistic
from analysis.stats.intervals import holm

Name = Literal["reproduced", "contradicted", "underpowered", "withheld", "protocol differs"]
MARGIN = 1.0
"""Points of error. Wider limits would call a net that is a point off reproduced."""
ALPHA = 0.05
"""Of one verdict alone, or of all verdicts of a report together."""


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
    alpha: float = ALPHA,
) -> Verdict:
    """Apply the rule to our test errors (per cent), one per seed, infinity for a diverged one.

    What is `noted` is passed on and changes nothing. `alpha` is that of this verdict: `level` gives it where there are
    several.
    """
    lost = any(map(math.isinf, results))
    known = [] if figure.fails or lost or figure.statistic == "unknown" else results
    low, high = limits(known, figure.statistic, max(figure.runs, 1), alpha)
    if figure.fails and not deviations:
        name = failing([value > figure.value for value in results], alpha)
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


def p_value(figure: Published, results: Sequence[float]) -> float:
    """Return the p at which the figure is contradicted, or a failure decided either way; nan where it cannot be."""
    if figure.fails:
        return min(_sign_test([value > figure.value for value in results])) if results else math.nan
    centre, scale = _prediction(results, figure.statistic, max(figure.runs, 1))
    if math.isnan(centre):
        return math.nan
    from scipy.special import stdtr

    distance = abs(figure.value - centre)
    if scale == 0:
        return float(distance == 0)
    return 2 * float(stdtr(len(results) - 1, -distance / scale))


def level(p_values: Sequence[float], alpha: float = ALPHA) -> float:
    """Return the level at which verdicts one by one come out as Holm's procedure over all of them (Holm 1979).

    It rejects the smallest p at alpha / m, the next at alpha / (m - 1), up to the first that holds. The rejected
    lie below, and the others above, the level of that step, which is returned. A nan is no test.
    """
    rejected = tested = 0
    for p in holm(p_values):
        tested += not math.isnan(p)
        rejected += p <= alpha
    return alpha / max(1, tested - rejected)


def failing(failed: Sequence[bool], alpha: float = ALPHA) -> Name:
    """Return the verdict on a published failure, by the sign test of the number of our runs that fail."""
    more, fewer = _sign_test(failed)
    if failed and more <= alpha:
        return "reproduced"
    return "contradicted" if failed and fewer <= alpha else "underpowered"


def _sign_test(failed: Sequence[bool]) -> tuple[float, float]:
    """Return the chances of as many failures or more, and of as many or fewer, were every second run to fail."""
    from scipy.special import bdtr

    n, k = len(failed), sum(failed)
    return 1 - float(bdtr(k - 1, n, 0.5) if k else 0.0), float(bdtr(k, n, 0.5))


def limits(results: Sequence[float], statistic: Statistic, runs: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Return the prediction limits of a statistic of `runs` further runs; nan for fewer than two results."""
    centre, scale = _prediction(results, statistic, runs)
    if math.isnan(centre):
        return math.nan, math.nan
    from scipy.special import stdtrit

    half = float(stdtrit(len(results) - 1, 1 - alpha / 2)) * scale
    return centre - half, centre + half


def _prediction(results: Sequence[float], statistic: Statistic, runs: int) -> tuple[float, float]:
    """Return where a statistic of further runs should lie, and its standard error; nan for fewer than two results.

    A result that is not finite leaves nothing to predict from.
    """
    if len(results) < 2 or not all(map(math.isfinite, results)):
        return math.nan, math.nan
    shift, variance = moments(statistic, runs)
    n, spread = len(results), stdev(results)
    bias = _c4(n)
    centre = fmean(results) + shift * spread / bias
    return centre, spread * math.sqrt(1 / n + variance + shift**2 * (1 / bias**2 - 1))


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
