"""Empirical distribution of the test error over an arm's seeds."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.comparison.arms import ArmRow
from analysis.figures.arms import plot_data
from analysis.figures.axes import spans_decades
from analysis.figures.panels import FigureText, in_panels
from analysis.figures.style import draw_and_save
from analysis.results.trials import TrialRow
from resnet_lab import metrics
from resnet_lab.metrics import TEST_ERROR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SEEDS = 5
"""Fewer steps are no distribution: the points of the main figure say all."""
CAPTION = "each step is a seed; further left is better, steeper is steadier"


def plot_ecdf(trials: Sequence[TrialRow], rows: Sequence[ArmRow], *, out: Path, metric: str = TEST_ERROR) -> list[Path]:
    """Write out.png, .svg and .csv for the arms of at least SEEDS seeds; [] where there is none."""
    rows_drawn = [row for row in rows if row.n and row.n + row.diverged >= SEEDS]
    if not rows_drawn:
        return []
    names = {"arm": tuple(rows_drawn[0].arm), "context": tuple(rows_drawn[0].context)}
    frame = plot_data(trials, rows_drawn, **names, metric=metric)
    frame.loc[frame["shows"] == "diverged", "value"] = math.inf  # the curve ends below 1: no value is the worst
    seeds = frame[frame["shows"].isin(["seed", "diverged"])][[*names["context"], *names["arm"], "seed", "value"]]
    return draw_and_save(lambda: _figure(seeds, rows_drawn, metric), seeds, out)


def _figure(frame: "pd.DataFrame", rows: Sequence[ArmRow], metric: str) -> Any:
    log = spans_decades([value for value in frame["value"] if math.isfinite(value)])

    def draw(axes: "Axes", row: ArmRow, style: Mapping[str, Any]) -> None:
        mine = frame
        for name, value in {**row.context, **row.arm}.items():
            mine = mine[mine[name] == value]
        _draw_steps(axes, mine["value"].tolist(), style)
        axes.set_xscale("log" if log else "linear")
        axes.set_xlabel(metrics.metric(metric).axis)
        axes.set_ylabel("share of seeds")

    lost = "; where a curve ends below 1, the other seeds diverged" if any(row.diverged for row in rows) else ""
    caption = CAPTION + lost + ("; log scale" if log else "")
    return in_panels(rows, FigureText("Distribution over seeds", caption), draw)


def _draw_steps(axes: "Axes", values: Sequence[float], style: Mapping[str, Any]) -> None:
    """Draw the distribution; with diverged seeds, infinite, it ends below 1."""
    finite = sorted(value for value in values if math.isfinite(value))
    if len(finite) == len(values):
        axes.ecdf(finite, linewidth=1.4, **style)
        return
    shares = [i / len(values) for i in range(len(finite) + 1)]
    axes.step([finite[0], *finite], shares, where="post", linewidth=1.4, **style)
