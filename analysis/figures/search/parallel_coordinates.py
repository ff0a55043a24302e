"""Parallel coordinates of a search (Inselberg 1985): a line for each trial, through its values to its error."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.figures.axes import spans_decades
from analysis.figures.panels import WIDTH, FigureText, grid
from analysis.figures.search.axes import Axis
from analysis.figures.style import colour, draw_and_save
from analysis.tables.labels import short_names
from resnet_lab.metrics import VAL_ERROR, metric
from resnet_lab.outcomes import Status

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
TITLE = "Parallel coordinates"
CAPTION = (
    "a line is a trial; the darker, the less its validation error; orange: the best; dashed grey: pruned, failed or"
    " refused, without a final error; at a switch, lines are spread a little so that each is seen"
)
SPREAD, GOLDEN = 0.07, 0.618034
"""Share of an axis over which the lines of one level are spread, by the golden ratio of their number."""
AXIS_WIDTH = 1.15


def plot_parallel(trials: Sequence[Row], space: Sequence[Axis], *, out: Path) -> list[Path]:
    """Write out.png, .svg and .csv of a search's trials; [] where none is complete.

    A trial has "number", "state" ("complete" or why it is not), a value for each field, and "val/error" in per cent.
    """
    frame = parallel_data(trials, space)
    if not (frame["state"] == Status.COMPLETE).any():
        return []
    return draw_and_save(lambda: _figure(frame, space), frame, out)


def parallel_data(trials: Sequence[Row], space: Sequence[Axis]) -> "pd.DataFrame":
    """Return a line for each trial: number, state, values and error, which only a complete one has."""
    import pandas as pd

    names = ["number", "state", *(axis.field for axis in space)]
    lines = [
        {**{name: row[name] for name in names}, VAL_ERROR: row[VAL_ERROR] if row["state"] == Status.COMPLETE else None}
        for row in trials
    ]
    return pd.DataFrame(lines, columns=[*names, VAL_ERROR]).astype({VAL_ERROR: float})


def _figure(frame: "pd.DataFrame", space: Sequence[Axis]) -> Any:
    errors = frame[VAL_ERROR].dropna().tolist()
    last = Axis(field=metric(VAL_ERROR).axis, low=min(errors), high=max(errors), log=spans_decades(errors))
    width = max(WIDTH, AXIS_WIDTH * (len(space) + 1))
    figure, (axes,) = grid(1, FigureText(TITLE, CAPTION), width=width)
    ranked = frame.sort_values(VAL_ERROR, ascending=False, na_position="first")
    _draw_lines(axes, ranked.to_dict("records"), space, last)
    names = {**short_names(axis.field for axis in space), last.field: last.field}
    for place, axis in enumerate([*space, last]):
        _draw_axis(axes, place, axis, names[axis.field].replace("_", "_\n", 1))
    axes.set_xlim(-0.75, len(space) + 0.15)
    axes.set_ylim(-0.08, 1.06)
    axes.axis("off")
    return figure


def _draw_lines(axes: "Axes", rows: Sequence[Mapping[Any, Any]], space: Sequence[Axis], last: Axis) -> None:
    """Draw the worst first, so that the best lies on top."""
    import seaborn as sns

    complete = sum(row["state"] == Status.COMPLETE for row in rows)
    shades = iter(sns.color_palette("Blues", complete + 2)[2:])
    for index, row in enumerate(rows):
        heights = [axis.at(row[axis.field]) + _spread(axis, row["number"]) for axis in space]
        if row["state"] != Status.COMPLETE:
            axes.plot(heights, color="0.6", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
            continue
        best, shade = index == len(rows) - 1, next(shades)
        line = colour(3) if best else shade
        axes.plot(
            [*heights, last.at(row[VAL_ERROR])], color=line, linewidth=2.2 if best else 1.1, zorder=4 if best else 2
        )


def _spread(axis: Axis, number: int) -> float:
    return SPREAD * ((number * GOLDEN) % 1 - 0.5) if axis.levels else 0.0


def _draw_axis(axes: "Axes", place: int, axis: Axis, name: str) -> None:
    axes.plot([place, place], [-0.04, 1.04], color="0.25", linewidth=1, zorder=5)
    axes.text(place, 1.08, name, ha="center", va="bottom", fontsize=8)
    background = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
    for height, text in axis.ticks():
        axes.plot([place - 0.02, place], [height, height], color="0.25", linewidth=1, zorder=5)
        axes.text(place - 0.04, height, text, ha="right", va="center", fontsize=7, bbox=background, zorder=6)
