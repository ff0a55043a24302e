"""Tuning curves: the least validation error of the first k trials of each arm's searches, and what is known of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.comparison.arms import ArmRow
from analysis.figures.axes import limits, log_ticks, spans_decades
from analysis.figures.panels import FigureText, in_panels
from analysis.figures.style import draw_and_save
from analysis.stats.intervals import Interval
from analysis.stats.tuning_curve import best_so_far, expected_best, mean_curve, median_curve
from resnet_lab.metrics import VAL_ERROR, metric
from resnet_lab.outcomes import Reason, Status
from resnet_lab.spec.choices import Value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Row = Mapping[str, Any]


class Kind(StrEnum):
    """What a curve is, by its caption."""

    MEAN = "lines: mean over the searches of an arm; bands: 95 % Student-t interval of the mean at each budget"
    MEDIAN = (
        "lines: median of the best of k random draws; bands: hold the whole curve with 95 % (Lourie et al. 2024),"
        " and rule nothing out where they reach 0"
    )
    PATH = "lines: the one search of each arm, which gives no band: more --tune-seeds or --tune-algorithm random do"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedArm:
    """An arm of one context by its fields, and the trials of its searches as `state` and `val/error` in per cent."""

    fields: Mapping[str, Value]
    searches: Sequence[Sequence[Row]]
    """Trials in the order of proposal; of a random search without the first, where that is the recipe."""
    is_random: bool

    @property
    def kind(self) -> Kind:
        if len(self.searches) > 1:
            return Kind.MEAN
        return Kind.MEDIAN if self.is_random else Kind.PATH

    def curve(self) -> list[Interval]:
        """Return the curve with its band; limits are nan where it has none."""
        errors = [[_error(row) for row in rows] for rows in self.searches]
        if self.kind == Kind.MEAN:
            return mean_curve(_even(errors))
        if self.kind == Kind.MEDIAN:
            known = [row for row in self.searches[0] if row["state"] in (Status.COMPLETE, Reason.DIVERGED)]
            pruned = sum(row["state"] == Reason.PRUNED for row in self.searches[0])
            return median_curve([_error(row) for row in known], pruned)
        return [Interval(value, math.nan, math.nan) for value in best_so_far(errors[0])]

    def expected(self) -> list[float]:
        """Return the expected best of k draws of a random search (Dodge et al. 2019); nothing for other kinds."""
        drawn = [row for row in self.searches[0] if row["state"] in (Status.COMPLETE, Reason.DIVERGED, Reason.PRUNED)]
        return expected_best(list(map(_error, drawn))) if self.kind == Kind.MEDIAN else []


def _error(row: Row) -> float:
    """Return a trial's error, infinite where it was not trained to its end."""
    return float(row[VAL_ERROR]) if row["state"] == Status.COMPLETE else math.inf


def _even(searches: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    """Return searches cut at the budget that all of them have spent."""
    shortest = min(map(len, searches))
    return [errors[:shortest] for errors in searches]


def plot_tuning(arms: Sequence[TunedArm], rows: Sequence[ArmRow], *, out: Path) -> list[Path]:
    """Write out.png, .svg and .csv; [] where no search has two trials and a result. `rows` give panels and colours."""
    frame = tuning_data(arms)
    if frame["trials"].nunique() < 2 or not frame["error"].map(math.isfinite).any():
        return []
    return draw_and_save(lambda: _figure(frame, arms, rows), frame, out)


def tuning_data(arms: Sequence[TunedArm]) -> "pd.DataFrame":
    """Return a line per arm and number of trials: error with its limits and expected best, per cent; how many searches.

    An error without a complete trial is infinite or, over several searches, nan.
    """
    import pandas as pd

    lines: list[dict[str, object]] = []
    for arm in arms:
        expected = arm.expected()
        for k, point in enumerate(arm.curve(), 1):
            numbers = {"error": point.mean, "low": point.low, "high": point.high}
            best = {"expected": expected[k - 1] if expected else math.nan}
            shape = {"curve": arm.kind.name.lower(), "searches": len(arm.searches), "trials": k}
            lines.append({**arm.fields, **shape, **numbers, **best})
    names = [*arms[0].fields] if arms else []
    return pd.DataFrame(lines, columns=[*names, "curve", "searches", "trials", "error", "low", "high", "expected"])


def _figure(frame: "pd.DataFrame", arms: Sequence[TunedArm], rows: Sequence[ArmRow]) -> Any:
    from matplotlib.ticker import MaxNLocator

    finite = [value for value in frame["error"] if math.isfinite(value)]
    log = spans_decades(finite)
    bottom, top = limits(finite, *(_finite(frame[name]) for name in ("low", "high")), log=log)
    widest = int(frame["trials"].max())

    def draw(axes: "Axes", row: ArmRow, style: Mapping[str, Any]) -> None:
        mine = frame
        for name, value in {**row.context, **row.arm}.items():
            mine = mine[mine[name] == value]
        if log:
            log_ticks(axes, bottom, top)
        axes.set_ylim(bottom, top)
        low, high = mine["low"].clip(bottom, top), mine["high"].clip(bottom, top)
        axes.fill_between(mine["trials"], low, high, step="mid", color=style["color"], alpha=0.12, linewidth=0)
        axes.step(mine["trials"], mine["error"].where(mine["error"] < math.inf), where="mid", linewidth=1.4, **style)
        axes.set_xlim(0.5, widest + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.set_xlabel("trials")
        axes.set_ylabel(metric(VAL_ERROR).axis)

    caption = "; ".join([*dict.fromkeys(arm.kind.value for arm in arms), *(["log scale"] if log else [])])
    return in_panels(rows, FigureText("Tuning curves: the best trial so far", caption), draw)


def _finite(values: "pd.Series[float]") -> list[float]:
    return [value if math.isfinite(value) else math.nan for value in values]
