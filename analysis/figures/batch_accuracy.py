"""Training accuracy by mini-batch: each arm's mean over seeds with its Student-t band, where trials recorded it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from analysis.comparison.arms import ArmRow, trials_of
from analysis.figures.axes import limits
from analysis.figures.learning_curves import NUMBERS, band, draw_band, drawn_arms, lines_of
from analysis.figures.panels import FigureText, arm_lines, contexts_of, grid
from analysis.figures.style import draw_and_save
from analysis.results.trials import TrialRow
from analysis.tables.labels import full_label
from resnet_lab.metrics import BATCH_ACCURACY, metric
from resnet_lab.outcomes import Status

if TYPE_CHECKING:
    import pandas as pd

Records = Mapping[str, Sequence[Mapping[str, Any]]]
"""The lines of each trial's batches.jsonl by its name."""
MAX_POINTS = 500
"""Points of a line; longer runs are averaged over as many mini-batches as make it fit."""


def plot_batches(trials: Sequence[TrialRow], records: Records, rows: Sequence[ArmRow], *, out: Path) -> list[Path]:
    """Write out.png, .svg and .csv; [] where no complete trial recorded its mini-batches."""
    frame, width = batch_data(trials, records, rows)
    if frame.empty:
        return []
    return draw_and_save(lambda: _figure(frame, rows, width), frame, out)


def batch_data(trials: Sequence[TrialRow], records: Records, rows: Sequence[ArmRow]) -> tuple["pd.DataFrame", int]:
    """Return a line per arm and `width` mini-batches (the last one's number, NUMBERS in per cent), and that width."""
    import pandas as pd

    accuracies = {name: _accuracy(lines) for name, lines in records.items() if lines}
    width = -(-max(map(len, accuracies.values()), default=1) // MAX_POINTS)
    complete = trials_of([trial for trial in trials if trial["status"] == Status.COMPLETE], rows)
    lines: list[dict[str, Any]] = []
    for row in rows:
        own = [accuracies[run["trial"]] for run in complete(row) if run["trial"] in accuracies and not row.diverged]
        for start in range(0, max(map(len, own), default=0), width):
            means = [fmean(values[start : start + width]) for values in own if len(values) > start]
            end = min(start + width, max(map(len, own)))
            lines.append({**row.context, **row.arm, "iteration": end, **band(means)})
    names = [*rows[0].context, *rows[0].arm] if rows else []
    return pd.DataFrame(lines, columns=[*names, "iteration", *NUMBERS]), width


def _accuracy(lines: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(value) for line in lines for value in line[BATCH_ACCURACY]]


def _figure(frame: "pd.DataFrame", rows: Sequence[ArmRow], width: int) -> Any:
    drawn, lost = drawn_arms(rows)
    contexts, key, styles = contexts_of(drawn), *arm_lines(drawn)
    each = f"means of {width} mini-batches" if width > 1 else "every mini-batch"
    caption = f"{each}, before the step that it makes; lines: mean over the seeds of complete trials; bands: 95 %"
    text = FigureText("Training accuracy by mini-batch", f"{caption} Student-t interval of the mean{lost}")
    figure, axes = grid(len(contexts), text, columns=2, key=key)
    bottom, top = limits([*frame["min"], *frame["max"]], [], [])
    for panel, context in zip(axes, contexts, strict=True):
        panel.set_title(full_label(context), fontsize=9)
        panel.set_ylim(bottom, min(top, 101.0))
        for row, style in zip(drawn, styles, strict=True):
            if row.context == context:
                draw_band(panel, lines_of(frame, {**row.context, **row.arm}), "iteration", {**style, "linewidth": 0.9})
        panel.set_xlabel("iteration")
        panel.set_ylabel(metric(BATCH_ACCURACY).axis)
    return figure
