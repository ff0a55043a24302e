"""Marks of the arms figure: seeds, intervals and failures in their lanes, on an axis that suits them."""

import math
from typing import TYPE_CHECKING

from analysis.figures.style import Colour

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FAILED_AT = 0.955
"""Height of the crosses, as a share of the axis."""


def draw_lane(axes: "Axes", lines: "pd.DataFrame", x: float, width: float, colour: Colour, marker: str) -> None:
    """Draw one arm in one context around x: seeds on the left in order, mean and interval on the right."""
    seeds = lines[lines["shows"] == "seed"].sort_values("seed")["value"].tolist()
    steps = [(i + 0.5) / len(seeds) - 0.5 for i in range(len(seeds))]
    places = [x + width * (0.45 * step - 0.17) for step in steps]
    axes.scatter(places, seeds, s=18, alpha=0.6, color=colour, marker=marker, linewidths=0, zorder=2)
    for row in lines[lines["shows"] == "interval"].itertuples():
        _draw_interval(axes, x + 0.24 * width, (row.mean, row.low, row.high), colour, marker)  # type: ignore[arg-type]  # pandas rows
    _draw_failures(axes, x, width, int((lines["shows"] == "failed").sum()), colour)
    _draw_diverged(axes, x, int((lines["shows"] == "diverged").sum()), len(seeds), colour)


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
    """Draw a cap where the interval ends, an arrow where it goes on beyond the axis."""
    size, line, order = (30, 1.8, 3) if shape == "_" else (48, 0.0, 5)
    axes.scatter([x], [y], s=size, marker=shape, color=colour, linewidths=line, zorder=order, clip_on=False)


def _draw_diverged(axes: "Axes", x: float, count: int, others: int, colour: Colour) -> None:
    """Mark diverged seeds at the top edge, which no value reaches, with their number of all."""
    if not count:
        return
    across = axes.get_xaxis_transform()
    axes.scatter([x], [1.0], s=52, marker="^", color=colour, transform=across, clip_on=False, zorder=6)
    axes.annotate(
        f"{count} of {count + others}",
        (x, 1.0),
        xycoords=across,
        xytext=(0, -7),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=7,
        color=colour,
    )


def _draw_failures(axes: "Axes", x: float, width: float, count: int, colour: Colour) -> None:
    places = [x + 0.3 * width * (i - (count - 1) / 2) for i in range(count)]
    across = axes.get_xaxis_transform()
    axes.scatter(places, [FAILED_AT] * count, s=24, marker="x", color=colour, linewidths=1.4, transform=across)
