"""Power of t tests: seeds that an effect or an equivalence takes, and the effect that a number of seeds detects.

The noncentral t distribution throughout (Cohen 1988, chapter 2): no normal approximation, which is wrong at n = 3.
"""

import math
from collections.abc import Callable
from typing import Literal

Kind = Literal["paired", "independent"]
MAX_SEEDS = 100_000
QUANTILES = 2_000
"""Of the distribution of the spread, over which the power of an equivalence test is a mean."""


def power(effect: float, sd: float, n: int, *, kind: Kind = "independent", alpha: float = 0.05) -> float:
    """Return the chance to find a difference of `effect` with `n` seeds per arm.

    `sd` is that of one arm's results (independent) or of the differences (paired), in the unit of the effect. 0 for
    fewer than two seeds. Raises ValueError for an sd that is not positive.
    """
    _check(sd, alpha)
    if n < 2:
        return 0.0
    from scipy import stats

    df, scale = (n - 1, math.sqrt(n)) if kind == "paired" else (2 * n - 2, math.sqrt(n / 2))
    shift = abs(effect) / sd * scale
    critical = stats.t.ppf(1 - alpha / 2, df)
    # Far out the distribution function of scipy loses its last digits: a chance stays one.
    chance = stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift)
    return float(min(max(chance, 0.0), 1.0)) if math.isfinite(chance) else 1.0


def difference_sd(sd: float, correlation: float = 0.0) -> float:
    """Return the sd of paired differences, from the sd of one arm and the correlation of two arms over their seeds.

    var(a - b) = 2 sd^2 (1 - r). A correlation of 0 counts on nothing from shared seeds. Raises ValueError where
    differences would have no spread.
    """
    if not sd > 0:
        raise ValueError(f"an sd of {sd} is no spread: give one above 0")
    if not -1 <= correlation < 1:
        raise ValueError(f"a correlation of {correlation} leaves no spread: give -1 to below 1, 0 to count on nothing")
    return sd * math.sqrt(2 * (1 - correlation))


def first_step(alpha: float, comparisons: int) -> float:
    """Return the level at which Holm (1979) tests the least of `comparisons` p values: alpha over their number.

    A comparison that passes it is found whatever the others are, so that the power of this step is a lower limit.
    """
    return alpha / max(comparisons, 1)


def seeds_needed(
    effect: float, sd: float, *, kind: Kind = "independent", alpha: float = 0.05, wanted: float = 0.8
) -> int:
    """Return the least number of seeds per arm with which the power is at least `wanted`.

    Raises ValueError for an effect of 0, which no number finds, and past MAX_SEEDS.
    """
    if effect == 0:
        raise ValueError("no number of seeds finds a difference of 0: give an effect")
    return _least(lambda n: power(effect, sd, n, kind=kind, alpha=alpha) >= wanted)


def _least(suffices: Callable[[int], bool]) -> int:
    """Return the least number from 2 on that suffices; every larger one must. Raises ValueError past MAX_SEEDS."""
    low, high = 1, 2
    while not suffices(high):
        low, high = high, high * 2
        if high > MAX_SEEDS:
            raise ValueError(f"more than {MAX_SEEDS} seeds per arm would be needed: the effect is lost in the spread")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def equivalence_power(
    difference: float, sd: float, n: int, margin: float, *, kind: Kind = "paired", alpha: float = 0.05
) -> float:
    """Return the chance that two one-sided tests at `alpha` find a true difference to lie within the margin.

    The mean and the spread of a normal sample are independent, so that it is a mean over chi-distributed spreads
    (Phillips 1990, J. Pharmacokinetics and Biopharmaceutics 18), here over QUANTILES of them. All but `n` in one unit.
    """
    _check(sd, alpha)
    if n < 2:
        return 0.0
    import numpy as np
    from scipy.special import chdtri, ndtr, stdtrit

    df, error = (n - 1, sd / math.sqrt(n)) if kind == "paired" else (2 * n - 2, sd * math.sqrt(2 / n))
    spreads = np.sqrt(chdtri(df, (np.arange(QUANTILES) + 0.5) / QUANTILES) / df)
    room = np.maximum(margin / error - stdtrit(df, 1 - alpha) * spreads, 0.0)  # for the mean, in standard errors
    return float(np.mean(ndtr(room - difference / error) - ndtr(-room - difference / error)))


def seeds_for_equivalence(
    difference: float, sd: float, margin: float, *, kind: Kind = "paired", alpha: float = 0.05, wanted: float = 0.8
) -> int:
    """Return the least number of seeds with which `equivalence_power` is at least `wanted`.

    Raises ValueError for a difference that is not within the margin, and past MAX_SEEDS.
    """
    if abs(difference) >= margin:
        raise ValueError(
            f"a difference of {difference:g} is not within {margin:g}: no number of seeds shows that it is"
        )
    return _least(lambda n: equivalence_power(difference, sd, n, margin, kind=kind, alpha=alpha) >= wanted)


def minimum_detectable_effect(
    sd: float, n: int, *, kind: Kind = "paired", alpha: float = 0.05, wanted: float = 0.8
) -> float:
    """Return the least effect found with power `wanted`, in the unit of `sd`; nan for fewer than two seeds."""
    _check(sd, alpha)
    if n < 2:
        return math.nan
    from scipy import optimize

    upper = sd
    while power(upper, sd, n, kind=kind, alpha=alpha) < wanted:
        upper *= 2
    return float(optimize.brentq(lambda e: power(e, sd, n, kind=kind, alpha=alpha) - wanted, 1e-9 * sd, upper))


def _check(sd: float, alpha: float) -> None:
    if not sd > 0:
        raise ValueError(f"an sd of {sd} is no spread: give one above 0")
    if not 0 < alpha < 1:
        raise ValueError(f"an alpha of {alpha} is no chance: give one between 0 and 1, such as 0.05")
