"""Axis limits and ticks that several figures share."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


REACH, LOG_REACH = 0.6, 0.25
"""The axis reaches at most this share of the seeds' span beyond them."""


TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)
"""Per cents that a log axis names."""


def limits(
    values: Sequence[float], lows: Sequence[float], highs: Sequence[float], *, log: bool = False
) -> tuple[float, float]:
    """Return the ends of an axis that holds every value, and the intervals as far as that leaves it readable.

    The axis goes below 0 only where a value does; limits of intervals may be nan.
    """
    if not values:
        return 0.0, 100.0
    if log:
        below, above = _ends(_logs(values), _logs(lows), _logs(highs), LOG_REACH)
        return 10**below, 10**above
    bottom, top = _ends(values, lows, highs, REACH)
    return (bottom if min(values) < 0 else max(bottom, 0.0)), top


def _ends(values: Sequence[float], lows: Sequence[float], highs: Sequence[float], reach: float) -> tuple[float, float]:
    smallest, largest = min(values), max(values)
    span = (largest - smallest) or max(0.1 * largest, 0.5)
    low = min([smallest, *(low for low in lows if not math.isnan(low))])
    high = max([largest, *(high for high in highs if not math.isnan(high))])
    margin = 0.08 * span
    return max(low, smallest - reach * span) - margin, min(high, largest + reach * span) + margin


def spans_decades(values: Sequence[float]) -> bool:
    """Return whether a linear axis would press the arms together: one near chance, others that learnt."""
    return bool(values) and min(values) > 0.1 and max(values) > 5 * min(values) and max(values) > min(values) + 20


def log_ticks(axes: "Axes", bottom: float, top: float) -> None:
    """Give a y axis of per cents a log scale with round numbers between its ends."""
    axes.set_yscale("log", subs=[])
    axes.set_yticks([tick for tick in TICKS if bottom <= tick <= top])
    axes.yaxis.set_major_formatter("{x:g}")


def decade_ticks(axes: "Axes") -> None:
    """Give a y axis of positive numbers a log scale that names 1, 2 and 5 times the powers of ten."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")


def _logs(values: Sequence[float]) -> list[float]:
    return [value if math.isnan(value) else math.log10(max(value, 1e-9)) for value in values]
