"""The optimisation history of a search: each trial's error in the order of proposal, and the best so far."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.figures.arm_marks import FAILED_AT
from analysis.figures.axes import limits, log_ticks, spans_decades
from analysis.figures.panels import FigureText, grid
from analysis.figures.style import colour, draw_and_save
from resnet_lab.metrics import VAL_ERROR, metric
from resnet_lab.outcomes import Reason, Status

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
TITLE = "Optimisation history"
CAPTION = "grey crosses: pruned or failed trials at their last error, after fewer epochs; triangles: failed without one"


def plot_progress(trials: Sequence[Row], *, out: Path) -> list[Path]:
    """Write out.png, .svg and .csv of trials as in `parallel_coordinates`; [] where none is complete."""
    frame = progress_data(trials)
    if not (frame["state"] == Status.COMPLETE).any():
        return []
    return draw_and_save(lambda: _figure(frame), frame, out)


def progress_data(trials: Sequence[Row]) -> "pd.DataFrame":
    """Return a line for each trial that was run: number, state, error in per cent, and the least so far."""
    import pandas as pd

    lines, best = [], float("nan")
    for row in trials:
        if row["state"] == Reason.REFUSED:
            continue
        if row["state"] == Status.COMPLETE:
            best = min(best, row[VAL_ERROR]) if best == best else row[VAL_ERROR]  # nan is not itself
        fields = {name: row[name] for name in ("number", "state", VAL_ERROR)}
        lines.append({**fields, "best_so_far": best})
    frame = pd.DataFrame(lines, columns=["number", "state", VAL_ERROR, "best_so_far"])
    return frame.astype({VAL_ERROR: float, "best_so_far": float})


def _figure(frame: "pd.DataFrame") -> Any:
    known = frame.dropna(subset=[VAL_ERROR])
    errors = known[VAL_ERROR].tolist()
    log = spans_decades(errors)
    figure, (axes,) = grid(1, FigureText(TITLE, CAPTION + ("; log scale" if log else "")))
    bottom, top = limits(errors, [], [], log=log)
    if log:
        log_ticks(axes, bottom, top)
    axes.set_ylim(bottom, top)
    _draw(axes, frame)
    axes.set_xlabel("trial, in the order of proposal")
    axes.set_ylabel(metric(VAL_ERROR).axis)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="lower left", bbox_to_anchor=(-0.02, 1))  # where no point is
    return figure


def _draw(axes: "Axes", frame: "pd.DataFrame") -> None:
    from matplotlib.ticker import MaxNLocator

    complete = frame[frame["state"] == Status.COMPLETE]
    stopped = frame[(frame["state"] != Status.COMPLETE) & frame[VAL_ERROR].notna()]
    nothing = frame[frame[VAL_ERROR].isna()]
    axes.step(frame["number"], frame["best_so_far"], where="post", color=colour(3), lw=1.4, label="best so far")
    axes.scatter(complete["number"], complete[VAL_ERROR], s=22, color=colour(0), label="complete", zorder=3)
    if len(stopped):
        axes.scatter(
            stopped["number"], stopped[VAL_ERROR], s=22, marker="x", color="0.5", label="pruned or failed", zorder=2
        )
    if len(nothing):
        heights, across = [FAILED_AT] * len(nothing), axes.get_xaxis_transform()
        axes.scatter(nothing["number"], heights, s=22, marker="^", color=colour(1), transform=across, label="failed")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
