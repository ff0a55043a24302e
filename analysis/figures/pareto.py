"""Pareto front of the arms: test error against parameters, FLOPs and seconds of training."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from analysis.comparison.arms import ArmRow, trials_of
from analysis.figures.axes import limits
from analysis.figures.panels import FigureText, grid
from analysis.figures.style import arm_style, draw_and_save
from analysis.results.trials import TrialRow
from analysis.tables.labels import full_label
from resnet_lab import metrics
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.outcomes import Status

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COSTS = {
    "parameters": "parameters",
    "flops": "FLOPs an image",
    "seconds": "seconds of training",
}
"""What an arm can cost: its column in the frame, and its axis."""
XREACH = 2.2
"""The axis of a cost reaches to this many times the largest, and as far below the smallest."""
CAPTION = (
    "points: mean test error with 95 % Student-t interval; line: Pareto front, the arms that no other arm matches or "
    "betters in both; costs, of which seconds are means over trials and FLOPs of the forward pass, on log scales"
)


def plot_pareto(
    trials: Sequence[TrialRow], rows: Sequence[ArmRow], built: Sequence[Mapping[str, Any]], *, out: Path
) -> list[Path]:
    """Write out.png, .svg and .csv, a panel for each cost; [] with fewer than two arms that have a mean.

    `built` are the cells of an audit, with the parameters and FLOPs of each network; arms of all contexts stand in one
    panel. Arms with a diverged seed have no mean and are left out.
    """
    drawn = [row for row in rows if math.isfinite(row.mean)]
    if len(drawn) < 2:
        return []
    frame = pareto_data(trials, drawn, built)
    return draw_and_save(lambda: _figure(frame, drawn, len(rows) - len(drawn)), frame, out)


def sizes_differ(rows: Sequence[ArmRow], built: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the arms differ in parameters or FLOPs, so that there is something to weigh."""
    cells = [_built(row, built) for row in rows]
    return len({(cell.get("parameters"), cell.get("flops")) for cell in cells if cell}) > 1


def pareto_data(
    trials: Sequence[TrialRow], rows: Sequence[ArmRow], built: Sequence[Mapping[str, Any]]
) -> "pd.DataFrame":
    """Return a line for each arm and cost: n, mean, low and high of the error, `value`, and whether it is on the front.

    A cost that is not known of every arm is left out: a front of some arms would be another one.
    """
    import pandas as pd

    own = trials_of(trials, rows)
    costs = [_costs(own(row), _built(row, built)) for row in rows]
    lines: list[dict[str, Any]] = []
    for cost in (name for name in COSTS if all(each.get(name) for each in costs)):
        values = [float(each[cost]) for each in costs]
        kept = front(values, [row.mean for row in rows])
        lines += [
            {**row.context, **row.arm, "cost": cost, "value": value, "on_front": index in kept}
            | {"n": row.n, "mean": row.mean, "low": row.low, "high": row.high}
            for index, (row, value) in enumerate(zip(rows, values, strict=True))
        ]
    return pd.DataFrame(lines)


def front(costs: Sequence[float], errors: Sequence[float]) -> list[int]:
    """Return the places of the points that no other one matches or betters in cost and error, cheapest first."""
    kept: list[int] = []
    for index in sorted(range(len(costs)), key=lambda i: (costs[i], errors[i])):
        if not kept or errors[index] < errors[kept[-1]]:
            kept.append(index)
    return kept


def _built(row: ArmRow, built: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    names = {**row.context, **row.arm}
    return next((cell for cell in built if all(cell.get(name) == value for name, value in names.items())), {})


def _costs(trials: Sequence[TrialRow], cell: Mapping[str, Any]) -> dict[str, float]:
    seconds = [float(t["time/train_s"]) for t in trials if t["status"] == Status.COMPLETE and "time/train_s" in t]
    found = {"parameters": cell.get("parameters"), "flops": cell.get("flops")}
    found["seconds"] = fmean(seconds) if seconds else None
    return {name: value for name, value in found.items() if value}


def _figure(frame: "pd.DataFrame", rows: Sequence[ArmRow], lost: int) -> Any:
    costs = list(dict.fromkeys(frame["cost"]))
    labels = [full_label({**row.context, **row.arm}) for row in rows]
    left_out = f"; left out: {lost} without a mean, where a seed diverged or none is complete" if lost else ""
    text = FigureText("Test error against cost", CAPTION + left_out)
    figure, axes = grid(len(costs), text, key=("", labels), markers=True)
    for panel, cost in zip(axes, costs, strict=True):
        _draw(panel, frame[frame["cost"] == cost], cost)
    return figure


def _draw(axes: "Axes", lines: "pd.DataFrame", cost: str) -> None:
    best = lines[lines["on_front"]].sort_values("value")
    steps = [*zip(best["value"], best["mean"], strict=True), (XREACH * lines["value"].max(), best["mean"].iloc[-1])]
    axes.step(*zip(*steps, strict=True), where="post", color="0.5", linewidth=1, zorder=1)
    for index, row in enumerate(lines.itertuples()):
        colour, shape = arm_style(index)
        x, mean = float(row.value), float(row.mean)  # type: ignore[arg-type]  # pandas rows
        if not math.isnan(row.low):  # type: ignore[arg-type]  # one seed allows no interval
            axes.vlines(x, row.low, row.high, colors=[colour], linewidth=1.2, zorder=2)  # type: ignore[arg-type]
        axes.scatter([x], [mean], s=34, color=colour, marker=shape, edgecolors="black", linewidths=0.6, zorder=3)
    axes.set_xscale("log")
    axes.set_ylim(*limits(lines["mean"].tolist(), lines["low"].tolist(), lines["high"].tolist()))
    axes.set_xlabel(COSTS[cost], fontsize=8)
    axes.set_ylabel(metrics.metric(TEST_ERROR).axis)
    _name_ticks(axes, lines["value"].tolist())


def _name_ticks(axes: "Axes", values: Sequence[float]) -> None:
    """Name a few round numbers on a log axis, however short its span: 9 M, 0.5 G."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, NullLocator

    wide = max(values) > 20 * min(values)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(min(values) / XREACH, max(values) * XREACH)
