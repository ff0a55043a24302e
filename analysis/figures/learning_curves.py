"""Learning curves: each arm's mean training and validation loss and error after every epoch, with Student-t bands."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.comparison.arms import ArmRow, trials_of
from analysis.figures.axes import decade_ticks, limits, log_ticks, spans_decades
from analysis.figures.panels import FigureText, arm_lines, contexts_of, grid
from analysis.figures.style import draw_and_save
from analysis.results.trials import TrialRow
from analysis.stats.intervals import t_interval
from analysis.tables.labels import full_label
from resnet_lab import metrics
from resnet_lab.metrics import TEST_CURVE, VAL_ERROR
from resnet_lab.outcomes import Status
from resnet_lab.spec.choices import Value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Histories = Mapping[str, Sequence[Mapping[str, Any]]]
"""The epochs of each trial by its name, as in history.jsonl."""
CURVES = ("train/loss", "val/loss", "train/error", VAL_ERROR)
"""The panels of each context, two a row; TEST_CURVE is among the data where trials recorded it."""
CAPTION = (
    "lines: mean over the seeds of complete trials, where all are finite; bands: 95 % Student-t interval of the mean"
)
DECADES = 20
"""How many times the least loss the largest is where a linear axis would press the end of training together."""
NUMBERS = ("n", "mean", "low", "high", "min", "max")


def plot_curves(frame: "pd.DataFrame", rows: Sequence[ArmRow], *, out: Path) -> list[Path]:
    """Write out.png, .svg and .csv of `curve_data`; [] where no complete trial has more than one epoch."""
    if frame["epoch"].nunique() < 2:
        return []
    return draw_and_save(lambda: _figure(frame, rows), frame, out)


def curve_data(trials: Sequence[TrialRow], histories: Histories, rows: Sequence[ArmRow]) -> "pd.DataFrame":
    """Return a line per arm, metric and epoch: n, mean, low, high, the least and the largest seed, in its unit.

    An arm of which a seed diverged has none, and an epoch at which a seed's value is not finite: the mean of the others
    would flatter it.
    """
    import pandas as pd

    complete = trials_of([trial for trial in trials if trial["status"] == Status.COMPLETE], rows)
    lines = [
        {**row.context, **row.arm, "metric": metric, "epoch": epoch, **band(values)}
        for row in rows
        if not row.diverged
        for metric in (*CURVES, TEST_CURVE)
        for epoch, values in _by_epoch(complete(row), histories, metric)
        if all(map(math.isfinite, values))
    ]
    names = [*rows[0].context, *rows[0].arm] if rows else []
    return pd.DataFrame(lines, columns=[*names, "metric", "epoch", *NUMBERS])


def band(values: Sequence[float]) -> dict[str, float]:
    """Return what is drawn of one arm's values, one a seed: NUMBERS by name."""
    mean = t_interval(values)
    numbers = (len(values), mean.mean, mean.low, mean.high, min(values), max(values))
    return dict(zip(NUMBERS, numbers, strict=True))


def _by_epoch(runs: Sequence[TrialRow], histories: Histories, metric: str) -> Iterator[tuple[int, list[float]]]:
    """Yield each epoch with the values of the trials that have it."""
    values: dict[int, list[float]] = {}
    for run in runs:
        for record in histories.get(run["trial"], ()):
            if metric in record:
                values.setdefault(int(record["epoch"]), []).append(float(record[metric]))
    yield from sorted(values.items())


def lines_of(frame: "pd.DataFrame", fields: Mapping[str, Value]) -> "pd.DataFrame":
    """Return the lines that have these values of the context, the arm, or the metric."""
    for name, value in fields.items():
        frame = frame[frame[name] == value]
    return frame


def points_of(frame: "pd.DataFrame", fields: Mapping[str, Value]) -> list[tuple[str, int, float]]:
    """Return an arm's curves as a tracker takes them: (`curve/<metric>/mean`, `/low` or `/high`, epoch, value)."""
    return [
        (f"curve/{line['metric']}/{name}", int(line["epoch"]), float(line[name]))
        for line in lines_of(frame, fields).to_dict("records")
        for name in ("mean", "low", "high")
    ]


def drawn_arms(rows: Sequence[ArmRow]) -> tuple[list[ArmRow], str]:
    """Return the arms that have a mean, and what a caption says of the others."""
    drawn = [row for row in rows if not row.diverged]
    return drawn, "; not drawn: arms of which a seed diverged" if len(drawn) < len(rows) else ""


def _figure(frame: "pd.DataFrame", rows: Sequence[ArmRow]) -> Any:
    drawn, lost = drawn_arms(rows)
    shown = [metric for metric in CURVES if (frame["metric"] == metric).any()]
    contexts, key, styles = contexts_of(drawn), *arm_lines(drawn)
    text = FigureText("Learning curves", CAPTION + lost)
    figure, axes = grid(len(contexts) * len(shown), text, columns=min(2, len(shown)), key=key)
    places = [(context, metric) for context in contexts for metric in shown]
    for panel, (context, metric) in zip(axes, places, strict=True):
        panel.set_title(full_label(context), fontsize=9)
        mine = lines_of(frame, {"metric": metric})
        _scale(panel, mine)
        for row, style in zip(drawn, styles, strict=True):
            if row.context == context:
                draw_band(panel, lines_of(mine, {**row.context, **row.arm}), "epoch", style)
        panel.set_xlabel("epoch")
        panel.set_ylabel(metrics.metric(metric).axis)
    return figure


def _scale(panel: "Axes", frame: "pd.DataFrame") -> None:
    """Give a panel the range of its metric's values in every context, on a log scale where they span decades."""
    least, most = frame["min"].min(), frame["max"].max()
    is_loss = frame["metric"].iloc[0].endswith("/loss")
    log = 0 < DECADES * least < most if is_loss else spans_decades(frame["min"].tolist())
    bottom, top = limits([*frame["min"], *frame["max"]], [], [], log=log)
    if log and is_loss:
        decade_ticks(panel)
    elif log:
        log_ticks(panel, bottom, top)
    panel.set_ylim(bottom, top)


def draw_band(panel: "Axes", lines: "pd.DataFrame", across: str, style: Mapping[str, Any]) -> None:
    """Draw the mean and its band over a column, within the panel's limits."""
    from matplotlib.ticker import MaxNLocator

    bottom, top = panel.get_ylim()
    low, high = lines["low"].clip(bottom, top), lines["high"].clip(bottom, top)
    panel.fill_between(lines[across], low, high, color=style["color"], alpha=0.12, linewidth=0)
    panel.plot(lines[across], lines["mean"], **{"linewidth": 1.4, **style})
    panel.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
