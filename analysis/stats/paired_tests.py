"""Tests of one arm against another over seeds that ran in both: permutation, signed ranks, effect, equivalence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev

from analysis.stats.intervals import ROUNDING, t_interval

EXACT_UP_TO = 20  # 2^20 sign patterns take a second; beyond, the t test is as good
WILCOXON_FROM = 6  # with 5 pairs the two-sided test cannot go under 0.0625


def sign_flip(differences: Sequence[float]) -> float:
    """Return the two-sided p of the exact sign-flip permutation test of mean 0 (Fisher 1935, section 21).

    Every difference is as likely as its negative under the null: p is the share of the 2^n sign patterns whose sum is
    at least as far from 0. The least p is 2^(1-n). nan without pairs. Raises ValueError past EXACT_UP_TO pairs.
    """
    if not differences:
        return math.nan
    if len(differences) > EXACT_UP_TO:
        raise ValueError(f"the exact test takes at most {EXACT_UP_TO} pairs, not {len(differences)}")
    import numpy as np

    sums = np.zeros(1)
    for value in differences:
        sums = np.concatenate([sums + value, sums - value])
    observed = abs(sum(differences))
    tolerance = 1e-9 * sum(map(abs, differences))  # equal sums may differ in their last bits
    return float(np.mean(np.abs(sums) >= observed - tolerance))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRanks:
    """Wilcoxon's test: its p, and the least p that this number of pairs can give."""

    p: float
    floor: float


def wilcoxon(differences: Sequence[float]) -> SignedRanks | None:
    """Return Wilcoxon's exact two-sided signed-rank test, or None below WILCOXON_FROM pairs that differ.

    Past EXACT_UP_TO pairs with ties, and past 50 without, it is the normal approximation.
    """
    moved = [value for value in differences if value != 0]
    if len(moved) < WILCOXON_FROM:
        return None
    from scipy import stats

    n, floor = len(moved), 2.0 ** (1 - len(moved))
    if n <= EXACT_UP_TO:  # with ties scipy approximates, and can go below the floor
        ranks = stats.rankdata([abs(value) for value in moved])
        signed = [math.copysign(rank, value) for rank, value in zip(ranks, moved, strict=True)]
        return SignedRanks(p=sign_flip(signed), floor=floor)
    ties = len({abs(value) for value in moved}) < n
    result = stats.wilcoxon(moved, method="approx" if ties or n > 50 else "exact")
    return SignedRanks(p=float(result.pvalue), floor=floor)


def cohens_dz(differences: Sequence[float]) -> float:
    """Return the mean of the differences over their sd (Cohen 1988, section 2.3.5); nan below two or without spread."""
    if len(differences) < 2:
        return math.nan
    mean = sum(differences) / len(differences)
    sd = math.sqrt(sum((value - mean) ** 2 for value in differences) / (len(differences) - 1))
    return mean / sd if sd > 0 else math.nan


def hedges_gz(differences: Sequence[float]) -> float:
    """Return Cohen's d_z freed of its bias at few pairs (Hedges 1981, equation 6e); nan below three.

    With n - 1 = m degrees of freedom the factor is gamma(m/2) / (sqrt(m/2) gamma((m-1)/2)): 0.56 at n = 3, 0.80 at 5.
    """
    m = len(differences) - 1
    if m < 2:
        return math.nan
    log = math.lgamma(m / 2) - math.lgamma((m - 1) / 2) - math.log(m / 2) / 2
    return math.exp(log) * cohens_dz(differences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Two one-sided tests (Schuirmann 1987): equivalent if the 90 % interval lies within the margin."""

    p: float
    low: float
    high: float
    equivalent: bool


def tost(differences: Sequence[float], margin: float, alpha: float = 0.05) -> Equivalence:
    """Return the paired test of |mean difference| < margin, in the unit of the differences.

    p and limits are nan below two pairs, and for differences without spread, which come from a metric in coarse
    steps and not from certainty (as in `intervals.paired_t`). Raises ValueError for a margin of 0 or less.
    """
    if margin <= 0:
        raise ValueError(f"a margin of {margin} leaves nothing to be equivalent within: give one above 0")
    n = len(differences)
    if n < 2 or stdev(differences) <= ROUNDING * max(map(abs, differences)):
        return Equivalence(p=math.nan, low=math.nan, high=math.nan, equivalent=False)
    from scipy.special import stdtr

    inner = t_interval(differences, confidence=1 - 2 * alpha)
    error = stdev(differences) / math.sqrt(n)
    p = float(max(stdtr(n - 1, -(margin + side * inner.mean) / error) for side in (1, -1)))
    return Equivalence(p=p, low=inner.low, high=inner.high, equivalent=p < alpha)


def pairing_gain(pairs: Sequence[tuple[float, float]]) -> float:
    """Return how many times the seeds an unpaired comparison would need: Var(a) + Var(b) over Var(a - b)."""
    if len(pairs) < 2:
        return math.nan
    unpaired = sum(_variance([pair[side] for pair in pairs]) for side in (0, 1))
    paired = _variance([a - b for a, b in pairs])
    return unpaired / paired if paired > 0 else math.inf if unpaired > 0 else math.nan


def _variance(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
