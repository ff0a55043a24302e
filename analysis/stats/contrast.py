"""The difference of two means with its standard error: paired by seed, or of arms that share none (Welch 1947)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance
from typing import Literal, Self

from analysis.stats.intervals import ROUNDING, Interval
from analysis.stats.power import Kind

EXACT_PARTITIONS = 200_000
"""Ways to deal the values of two arms up to which the rank-sum test goes through all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A mean difference in the unit of the values, and what its t distribution takes."""

    mean: float
    error: float
    """Standard error of the mean; 0 where no spread was seen."""
    df: float
    n: int
    """Pairs, or the seeds of the smaller arm."""
    sd: float
    """Of the paired differences, or of one arm (the root of the two arms' mean variance): what a planner takes."""
    kind: Kind

    @classmethod
    def paired(cls, differences: Sequence[float]) -> Self | None:
        """Return the contrast of paired differences, or None below two."""
        n = len(differences)
        if n < 2:
            return None
        sd = stdev(differences)
        sd = sd if sd > ROUNDING * max(map(abs, differences)) else 0.0
        return cls(mean=fmean(differences), error=sd / math.sqrt(n), df=n - 1, n=n, sd=sd, kind="paired")

    @classmethod
    def welch(cls, own: Sequence[float], other: Sequence[float]) -> Self | None:
        """Return the contrast of two arms without shared seeds, of unequal spread and number; None below two of either.

        The degrees of freedom are those of Welch (1947, Biometrika 34) and Satterthwaite (1946).
        """
        n, m = len(own), len(other)
        if min(n, m) < 2:
            return None
        a, b = variance(own), variance(other)
        if math.sqrt(a + b) <= ROUNDING * max(map(abs, [*own, *other])):
            a = b = 0.0
        squared, parts = a / n + b / m, (a / n) ** 2 / (n - 1) + (b / m) ** 2 / (m - 1)
        return cls(
            mean=fmean(own) - fmean(other),
            error=math.sqrt(squared),
            df=squared**2 / parts if parts else n + m - 2,
            n=min(n, m),
            sd=math.sqrt((a + b) / 2),
            kind="independent",
        )

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the mean with its t interval."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.df, (1 + confidence) / 2)) * self.error
        return Interval(self.mean, self.mean - half, self.mean + half)

    def p_above(self, bound: float) -> float:
        """Return the one-sided p against a true difference of at most `bound`; nan without spread."""
        return self._tail(self.mean - bound)

    def p_below(self, bound: float) -> float:
        """Return the one-sided p against a true difference of at least `bound`; nan without spread."""
        return self._tail(bound - self.mean)

    def p(self) -> float:
        """Return the two-sided p against no difference; nan without spread."""
        return 2 * min(self.p_above(0.0), self.p_below(0.0))

    def _tail(self, beyond: float) -> float:
        from scipy.special import stdtr

        return float(stdtr(self.df, -beyond / self.error)) if self.error > 0 else math.nan


def rank_sum_p(
    own: Sequence[float], other: Sequence[float], alternative: Literal["two-sided", "greater"] = "two-sided"
) -> float:
    """Return the p of the rank-sum test (Mann and Whitney 1947), in which infinity is the highest value.

    All ways to deal the values are counted, ties included, up to EXACT_PARTITIONS; beyond, it is the normal
    approximation. `greater` asks whether `own` is. 1 where all values are equal, nan where an arm has none.
    """
    if not own or not other:
        return math.nan
    if len({*own, *other}) == 1:
        return 1.0
    from scipy import stats

    if math.comb(len(own) + len(other), len(own)) > EXACT_PARTITIONS:
        return float(stats.mannwhitneyu(own, other, alternative=alternative, method="asymptotic").pvalue)
    every = stats.PermutationMethod(n_resamples=EXACT_PARTITIONS)
    return float(stats.mannwhitneyu(own, other, alternative=alternative, method=every).pvalue)


def dominance(own: Sequence[float], other: Sequence[float]) -> int:
    """Return 1 where the rank sums say that `own` is larger, -1 where they say smaller, 0 where neither."""
    total = sum((a > b) - (a < b) for a in own for b in other)
    return (total > 0) - (total < 0)
