"""Tuning curves: the validation error of the best of k trials, with what is known of its chance.

Of several searches the mean of the best so far has a Student-t interval at each k, whatever the algorithm: the searches
are the sample. Of one random search, whose trials are independent draws, the median of the best of k has a band that
holds for all k together and any distribution of the errors (Lourie, Cho and He 2024, NAACL): the band of Kolmogorov and
Smirnov about the distribution function, read at the height that the median of the least of k draws has. One adaptive
search is one path: it has no band.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import accumulate

from analysis.stats.intervals import Interval, t_interval


def best_so_far(errors: Sequence[float]) -> list[float]:
    """Return the least of the first k errors for k from 1 on; infinity for a trial that has none."""
    return list(accumulate(errors, min))


def mean_curve(searches: Sequence[Sequence[float]]) -> list[Interval]:
    """Return the mean of the best so far over searches of equal budget, with its 95 % t interval at each k.

    Where the best so far of a search is infinite, no trial of it being complete yet, mean and limits are withheld, nan.
    """
    columns = zip(*map(best_so_far, searches), strict=True)
    withheld = Interval(math.nan, math.nan, math.nan)
    return [t_interval(column) if all(map(math.isfinite, column)) else withheld for column in columns]


def median_curve(errors: Sequence[float], unknown: int = 0, confidence: float = 0.95) -> list[Interval]:
    """Return the median of the least of k independent draws, k from 1 on to their number, with its band.

    `errors` are in per cent, infinite for draws without a result. `unknown` counts further draws that were stopped: the
    estimate takes them for the worst, the lower limits for the best there could have been, 0. An upper limit that no
    draw reaches is infinite. The band holds the whole curve with at least the confidence.
    """
    values, n = sorted(errors), len(errors) + unknown
    reach = _reach(n, confidence) if n else 1.0
    curve = []
    for k in range(1, n + 1):
        height = 1 - 0.5 ** (1 / k)
        low = 0.0 if unknown / n + reach >= height else _quantile(values, (height - reach) * n - unknown)
        curve.append(Interval(_quantile(values, height * n), low, _quantile(values, (height + reach) * n)))
    return curve


@cache
def _reach(n: int, confidence: float) -> float:
    """Return how far the distribution function of n draws lies from their empirical one, at most (Kolmogorov 1933)."""
    from scipy.stats import kstwo

    return float(kstwo.ppf(confidence, n))


def _quantile(values: Sequence[float], count: float) -> float:
    """Return the least value that at least `count` of the sorted values do not exceed; infinity where there is none."""
    place = max(math.ceil(count - 1e-9), 1)
    return values[place - 1] if place <= len(values) else math.inf


def expected_best(errors: Sequence[float]) -> list[float]:
    """Return the expected least of k draws (Dodge et al. 2019, EMNLP), k from 1 on to their number.

    It is the mean over all ways to choose k of the errors, which has no bias (Tang et al. 2020, ACL: theirs, with
    replacement, has). Infinite as long as a way holds infinite errors alone.
    """
    values, n = sorted(errors), len(errors)
    return [
        sum(
            value * share
            for i, value in enumerate(values)
            if (share := math.comb(n - i - 1, k - 1) / math.comb(n, k)) > 0  # 0 times infinity is 0 here
        )
        for k in range(1, n + 1)
    ]
