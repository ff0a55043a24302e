"""Sequential comparison: repeated looks at paired differences, with intervals that hold at all looks together.

A look at n pairs has the Student-t interval of confidence 1 - level. One `level` serves all looks of a schedule, as in
Pocock (1977, Biometrika 64), and is made so that under normal differences *no* look's interval misses the true mean
with probability 1 - alpha / arms: repeated confidence intervals (Jennison and Turnbull 1989, JRSS B 51), Bonferroni
over the arms. Pocock's own constants are for known variance, far too small for t at n = 3; here the level is the
quantile of the smallest of the looks' p values in a seeded simulation (t is free of the spread, so one serves all), on
the safe side of the simulation's own error. Whatever makes one stop, the interval at that look is valid.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from statistics import stdev
from typing import TYPE_CHECKING, TypeVar

from analysis.stats.failures import direction, signed_rank_p
from analysis.stats.intervals import ROUNDING, Interval, t_interval
from analysis.stats.skewness import holds_if_skewed

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

Key = TypeVar("Key", bound=Hashable)

STEP = 2
"""Seeds are added in pairs."""
PATHS, CHUNK, SAFETY = 400_000, 50_000, 2.33  # the level is below the true one with a chance of 99 %


class Decision(StrEnum):
    UNDECIDED = "undecided"
    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The decision on an arm at one look: its differences (arm minus baseline; less is better), corrected limits."""

    decision: Decision
    pairs: int
    interval: Interval
    """Holds for all looks and all arms together with probability 1 - alpha; limits are nan where there is no spread."""


def looks(first: int, largest: int) -> tuple[int, ...]:
    """Return the schedule: `first` pairs, then two more each time, the last step cut at `largest`: 3, 5, ... 19, 20.

    Raises ValueError where no interval is possible or `largest` is below `first`.
    """
    if not 2 <= first <= largest:
        raise ValueError(f"a schedule from {first} to {largest} seeds: it takes 2 or more, and no fewer at the end")
    return (*range(first, largest, STEP), largest)


@cache
def level(schedule: tuple[int, ...], alpha: float) -> float:
    """Return the two-sided p at which each look must decide, so that under the null any does with chance `alpha`.

    It lies between alpha / looks and alpha. Half a second for 20 seeds; always the same for the same arguments.
    """
    import numpy as np

    if len(schedule) == 1:
        return alpha
    random = np.random.default_rng(20_240_517)
    smallest = [least_p(random.standard_normal((CHUNK, schedule[-1])), schedule, alpha) for _ in range(PATHS // CHUNK)]
    rank = alpha * PATHS - SAFETY * math.sqrt(PATHS * alpha * (1 - alpha))
    if rank < 1:
        raise ValueError(f"an alpha of {alpha:g} is finer than {PATHS:,} simulated paths resolve: compare fewer arms")
    return max(alpha / len(schedule), float(np.sort(np.concatenate(smallest))[math.floor(rank) - 1]))


def least_p(differences: "Array", schedule: Sequence[int], alpha: float) -> "Array":
    """Return the smallest two-sided p over the looks of each row (paths x seeds); 1 where none is under alpha."""
    import numpy as np
    from scipy.special import stdtr, stdtrit

    sums, squares = np.cumsum(differences, axis=1), np.cumsum(differences**2, axis=1)
    least = np.ones(len(differences))
    for n in schedule:
        total = sums[:, n - 1]
        t = total / np.sqrt(np.maximum(n * squares[:, n - 1] - total**2, 1e-300) / (n - 1))
        far = np.abs(t) > stdtrit(n - 1, 1 - alpha / 2)  # the rest is not worth a distribution function
        least[far] = np.minimum(least[far], 2 * stdtr(n - 1, -np.abs(t[far])))
    return least


def decide(
    differences_by_arm: Mapping[Key, Sequence[float]],
    look: int,
    schedule: Sequence[int],
    alpha: float = 0.05,
    margin: float = 0.0,
    *,
    arms: int | None = None,
    lost: Mapping[Key, bool] | None = None,
    robust: bool = False,
) -> dict[Key, Judgement]:
    """Judge every arm at a look (0 is the first), in the unit of the differences.

    Better or worse: the corrected interval lies wholly below -margin or above +margin. Equivalent: it lies within
    them (never at a margin of 0). `arms` is how many comparisons were planned, also those no longer looked at; by
    default those given. An arm that lost pairs to failed seeds is off the schedule: it is held to alpha / looks / arms
    (Bonferroni). Differences without any spread come from a metric in coarse steps and decide nothing.
    Where an arm or its baseline lost seeds by divergence, which `lost` says, differences may be infinite: the exact
    signed ranks decide, held to alpha / looks / arms, and nothing is equivalent.
    `robust` also holds a decision to the tests of `skewness.holds_if_skewed` at the level of the look.
    Raises ValueError for more pairs than the look has.
    """
    count = len(differences_by_arm) if arms is None else arms
    threshold = level(tuple(schedule), alpha / max(count, 1))
    judged = {}
    for key, differences in differences_by_arm.items():
        if len(differences) > schedule[look]:
            raise ValueError(f"{key}: {len(differences)} pairs at a look of {schedule[look]}")
        if lost is not None and lost.get(key):
            each_look = alpha / max(count, 1) / len(schedule)
            judged[key] = _by_ranks(differences, each_look)
            continue
        whole = len(differences) == schedule[look]
        held_to = threshold if whole else alpha / max(count, 1) / len(schedule)
        interval = _interval(differences, held_to)
        decision = _decision(interval, margin)
        if robust and not _confirmed(decision, differences, margin, held_to):
            decision = Decision.UNDECIDED
        judged[key] = Judgement(decision=decision, pairs=len(differences), interval=interval)
    return judged


def _by_ranks(differences: Sequence[float], level: float) -> Judgement:
    """Judge by the exact signed ranks, in which infinity is the worst: no mean, no margin, no equivalence."""
    decision = Decision.UNDECIDED
    if len(differences) > 1 and signed_rank_p(differences) < level:
        decision = Decision.WORSE if direction(differences) > 0 else Decision.BETTER
    return Judgement(decision=decision, pairs=len(differences), interval=Interval(math.nan, math.nan, math.nan))


def _interval(differences: Sequence[float], threshold: float) -> Interval:
    interval = t_interval(differences, confidence=1 - threshold)
    if len(differences) > 1 and stdev(differences) <= ROUNDING * max(map(abs, differences)):
        return Interval(interval.mean, math.nan, math.nan)
    return interval


def _decision(interval: Interval, margin: float) -> Decision:
    if interval.high < -margin:
        return Decision.BETTER
    if interval.low > margin:
        return Decision.WORSE
    if -margin < interval.low and interval.high < margin:
        return Decision.EQUIVALENT
    return Decision.UNDECIDED


def _confirmed(decision: Decision, differences: Sequence[float], margin: float, level: float) -> bool:
    """Whether the tests for skewed differences, too, reject a mean at each bound that the interval has cleared."""
    bounds = {
        Decision.UNDECIDED: (),
        Decision.BETTER: (-margin,),
        Decision.WORSE: (margin,),
        Decision.EQUIVALENT: (-margin, margin),
    }
    return all(holds_if_skewed([value - bound for value in differences], level) for bound in bounds[decision])
