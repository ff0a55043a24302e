"""What a figure of arms shows, as one tidy table: it is drawn from it, and is the CSV beside it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.arms import ArmRow, trials_of
from analysis.trials import Trial, failure
from resnet_lab.fields import Value

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("is_baseline", "shows", "seed", "value", "n", "mean", "low", "high", "reason")
"""Behind the columns of the context and the arm."""


def plot_data(
    trials: Sequence[Trial],
    rows: Sequence[ArmRow],
    *,
    arm: Sequence[str],
    context: Sequence[str],
    measure: str,
) -> "pd.DataFrame":
    """Return a line for each seed, each failed trial and each arm's interval, told apart by `shows`.

    `shows` is "seed" (seed and value, in the unit of the measure), "failed" (seed and reason) or "interval"
    (n, mean and Student-t limits); cells that do not apply are empty.
    """
    import pandas as pd

    names = [*context, *arm]
    lines: list[Mapping[str, Value]] = []
    own = trials_of(trials, rows)
    for row in rows:
        values = {**row.context, **row.arm, "is_baseline": row.is_baseline}
        lines += [values | shown for trial in own(row) if (shown := _shown(trial, measure))]
        interval = {"n": row.n, "mean": row.mean, "low": row.low, "high": row.high}
        lines.append(values | {"shows": "interval"} | interval)
    frame = pd.DataFrame(lines, columns=[*names, *COLUMNS])
    return frame.astype({"seed": "Int64", "n": "Int64"})


def _shown(trial: Trial, measure: str) -> dict[str, Value]:
    why = failure(trial, measure)
    if why:
        return {"shows": "failed", "seed": trial["seed"], "reason": why}
    if trial["status"] == "complete":
        return {"shows": "seed", "seed": trial["seed"], "value": float(trial[measure])}
    return {}
