"""The main figure of a study: every seed's point and each arm's mean with its interval."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.comparison.arms import ArmRow, trials_of
from analysis.figures.arm_panel import draw
from analysis.figures.style import figure_style, save
from analysis.results.trials import TrialRow, failure, is_diverged
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.outcomes import Status
from resnet_lab.spec.choices import Value

if TYPE_CHECKING:
    import pandas as pd


def plot_arms(
    trials: Sequence[TrialRow],
    rows: Sequence[ArmRow],
    *,
    arm: Sequence[str],
    context: Sequence[str],
    metric: str = TEST_ERROR,
    title: str,
    out: Path,
) -> list[Path]:
    """Draw the arms side by side in each context; write and return out.png, out.svg and out.csv.

    The metric is in per cent. The axis spans the seeds, and an arrow marks an interval that leaves it; triangles at the
    top count diverged seeds, crosses failed trials. The CSV holds all that is drawn. Same input, same bytes.
    """
    frame = plot_data(trials, rows, arm=arm, context=context, metric=metric)
    with figure_style():
        faulty = {tuple(row.arm.values()) for row in rows if row.faults}
        figure = draw(frame, arm=arm, context=context, title=title, metric=metric, faulty=faulty)
        return save(figure, out, frame=frame)


COLUMNS = ("is_baseline", "shows", "seed", "value", "n", "mean", "low", "high", "reason")
"""Behind the columns of the context and the arm."""


def plot_data(
    trials: Sequence[TrialRow],
    rows: Sequence[ArmRow],
    *,
    arm: Sequence[str],
    context: Sequence[str],
    metric: str,
) -> "pd.DataFrame":
    """Return a line for each seed, each failed trial and each arm's interval, distinguished by `shows`.

    `shows` is "seed" (seed and value, in the unit of the metric), "diverged" (seed), "failed" (seed and reason) or
    "interval" (n, mean and Student-t limits, withheld where a seed diverged); cells that do not apply are empty.
    """
    import pandas as pd

    names = [*context, *arm]
    lines: list[Mapping[str, Value]] = []
    own = trials_of(trials, rows)
    for row in rows:
        values = {**row.context, **row.arm, "is_baseline": row.is_baseline}
        lines += [values | point for trial in own(row) if (point := _point(trial, metric))]
        interval = {"n": row.n, "mean": row.mean, "low": row.low, "high": row.high}
        lines.append(values | {"shows": "interval"} | interval)
    frame = pd.DataFrame(lines, columns=[*names, *COLUMNS])
    return frame.astype({"seed": "Int64", "n": "Int64"})


def _point(trial: TrialRow, metric: str) -> dict[str, Value]:
    why = failure(trial, metric)
    if is_diverged(trial):
        return {"shows": "diverged", "seed": trial["seed"], "reason": why or ""}
    if why:
        return {"shows": "failed", "seed": trial["seed"], "reason": why}
    if trial["status"] == Status.COMPLETE:
        return {"shows": "seed", "seed": trial["seed"], "value": float(trial[metric])}
    return {}
