"""The marks of a figure of arms: seeds, intervals and failures in their lanes, on an axis that suits them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Colour = tuple[float, float, float]

REACH, LOG_REACH = 0.6, 0.25
"""The axis reaches at most this share of the seeds' span beyond them."""
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)
"""Per cents that a log axis names."""
FAILED_AT = 0.955
"""Height of the crosses, as a share of the axis."""


def limits(
    values: Sequence[float], lows: Sequence[float], highs: Sequence[float], *, log: bool = False
) -> tuple[float, float]:
    """Return the ends of an axis that holds every value, and the intervals as far as that leaves it readable.

    Values are in per cent, so the axis never goes below 0; limits of intervals may be nan.
    """
    if not values:
        return 0.0, 100.0
    if log:
        below, above = _ends(_logs(values), _logs(lows), _logs(highs), LOG_REACH)
        return 10**below, 10**above
    bottom, top = _ends(values, lows, highs, REACH)
    return max(bottom, 0.0), top


def _ends(values: Sequence[float], lows: Sequence[float], highs: Sequence[float], reach: float) -> tuple[float, float]:
    smallest, largest = min(values), max(values)
    span = (largest - smallest) or max(0.1 * largest, 0.5)
    low = min([smallest, *(low for low in lows if not math.isnan(low))])
    high = max([largest, *(high for high in highs if not math.isnan(high))])
    margin = 0.08 * span
    return max(low, smallest - reach * span) - margin, min(high, largest + reach * span) + margin


def spans_decades(values: Sequence[float]) -> bool:
    """Say whether a linear axis would press the arms together: one near chance beside others that learnt."""
    return bool(values) and min(values) > 0.1 and max(values) > 5 * min(values) and max(values) > min(values) + 20


def log_ticks(axes: "Axes", bottom: float, top: float) -> None:
    """Give a y axis of per cents a log scale with round numbers between its ends."""
    axes.set_yscale("log", subs=[])
    axes.set_yticks([tick for tick in TICKS if bottom <= tick <= top])
    axes.yaxis.set_major_formatter("{x:g}")


def draw_lane(axes: "Axes", lines: "pd.DataFrame", x: float, width: float, colour: Colour, marker: str) -> None:
    """Draw one arm in one context around x: seeds on the left in order, mean and interval on the right."""
    seeds = lines[lines["shows"] == "seed"].sort_values("seed")["value"].tolist()
    steps = [(i + 0.5) / len(seeds) - 0.5 for i in range(len(seeds))]
    places = [x + width * (0.45 * step - 0.17) for step in steps]
    axes.scatter(places, seeds, s=18, alpha=0.6, color=colour, marker=marker, linewidths=0, zorder=2)
    for row in lines[lines["shows"] == "interval"].itertuples():
        _draw_interval(axes, x + 0.24 * width, (row.mean, row.low, row.high), colour, marker)  # type: ignore[arg-type]  # pandas rows
    _draw_failures(axes, x, width, int((lines["shows"] == "failed").sum()), colour)


def _draw_interval(axes: "Axes", x: float, interval: tuple[float, float, float], colour: Colour, marker: str) -> None:
    mean, low, high = interval
    if math.isnan(mean):
        return
    axes.scatter([x], [mean], s=42, color=colour, marker=marker, edgecolors="black", linewidths=0.8, zorder=4)
    if math.isnan(low):
        return
    bottom, top = axes.get_ylim()
    axes.vlines(x, max(low, bottom), min(high, top), colors=[colour], linewidth=1.8, zorder=3)
    _draw_end(axes, x, max(low, bottom), "v" if low < bottom else "_", colour)
    _draw_end(axes, x, min(high, top), "^" if high > top else "_", colour)


def _draw_end(axes: "Axes", x: float, y: float, shape: str, colour: Colour) -> None:
    """A cap where the interval ends, an arrow where it goes on beyond the axis."""
    size, line, order = (30, 1.8, 3) if shape == "_" else (48, 0.0, 5)
    axes.scatter([x], [y], s=size, marker=shape, color=colour, linewidths=line, zorder=order, clip_on=False)


def _draw_failures(axes: "Axes", x: float, width: float, count: int, colour: Colour) -> None:
    places = [x + 0.3 * width * (i - (count - 1) / 2) for i in range(count)]
    across = axes.get_xaxis_transform()
    axes.scatter(places, [FAILED_AT] * count, s=24, marker="x", color=colour, linewidths=1.4, transform=across)


def _logs(values: Sequence[float]) -> list[float]:
    return [value if math.isnan(value) else math.log10(max(value, 1e-9)) for value in values]
