"""Learning curves: each arm's mean validation error after every epoch, with its Student-t band."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.comparison.arms import ArmRow, trials_of
from analysis.figures.axes import limits, log_ticks, spans_decades
from analysis.figures.panels import FigureText, in_panels
from analysis.figures.style import draw_and_save
from analysis.results.trials import TrialRow
from analysis.stats.intervals import t_interval
from resnet_lab import metrics
from resnet_lab.metrics import VAL_ERROR
from resnet_lab.outcomes import Status

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Histories = Mapping[str, Sequence[Mapping[str, Any]]]
"""The epochs of each trial by its name, as in history.jsonl."""
CAPTION = "lines: mean over the seeds of complete trials; bands: 95 % Student-t interval of the mean"


def plot_curves(
    trials: Sequence[TrialRow], histories: Histories, rows: Sequence[ArmRow], *, out: Path, metric: str = VAL_ERROR
) -> list[Path]:
    """Write out.png, .svg and .csv of a metric in per cent; [] where no complete trial has more than one epoch."""
    frame = curve_data(trials, histories, rows, metric)
    if frame["epoch"].nunique() < 2:
        return []
    return draw_and_save(lambda: _figure(frame, rows, metric), frame, out)


def curve_data(trials: Sequence[TrialRow], histories: Histories, rows: Sequence[ArmRow], metric: str) -> "pd.DataFrame":
    """Return a line per arm and epoch: n, mean, low, high, and the least and largest seed, in per cent.

    An arm of which a seed diverged has none: the mean of the others would flatter it.
    """
    import pandas as pd

    lines: list[dict[str, object]] = []
    complete = trials_of([trial for trial in trials if trial["status"] == Status.COMPLETE], rows)
    for row in rows:
        if row.diverged:
            continue
        values: dict[int, list[float]] = {}
        for trial in complete(row):
            for record in histories.get(trial["trial"], ()):
                if metric in record:
                    values.setdefault(int(record["epoch"]), []).append(float(record[metric]))
        for epoch, errors in sorted(values.items()):
            mean = t_interval(errors)
            numbers = {"n": len(errors), "mean": mean.mean, "low": mean.low, "high": mean.high}
            lines.append({**row.context, **row.arm, "epoch": epoch, **numbers, "min": min(errors), "max": max(errors)})
    names = [*rows[0].context, *rows[0].arm] if rows else []
    return pd.DataFrame(lines, columns=[*names, "epoch", "n", "mean", "low", "high", "min", "max"])


def _figure(frame: "pd.DataFrame", rows: Sequence[ArmRow], metric: str) -> Any:
    from matplotlib.ticker import MaxNLocator

    log = spans_decades(frame["min"].tolist())
    scale = "; log scale" if log else ""

    def draw(axes: "Axes", row: ArmRow, style: Mapping[str, Any]) -> None:
        mine = frame
        for name, value in {**row.context, **row.arm}.items():
            mine = mine[mine[name] == value]
        bottom, top = limits([*frame["min"], *frame["max"]], [], [], log=log)
        if log:
            log_ticks(axes, bottom, top)
        axes.set_ylim(bottom, top)
        low, high = mine["low"].clip(bottom, top), mine["high"].clip(bottom, top)
        axes.fill_between(mine["epoch"], low, high, color=style["color"], alpha=0.12, linewidth=0)
        axes.plot(mine["epoch"], mine["mean"], linewidth=1.4, **style)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel(metrics.metric(metric).axis)

    drawn = [row for row in rows if not row.diverged]
    lost = "; not drawn: arms of which a seed diverged" if len(drawn) < len(rows) else ""
    return in_panels(drawn, FigureText("Learning curves", CAPTION + scale + lost), draw)
