"""Interaction plots: whether the effect of one factor depends on the level of another."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.comparison.anova import Anova
from analysis.figures.panels import LINES, FigureText, grid
from analysis.figures.style import colour, draw_and_save, marker
from analysis.results.trials import TrialRow, failure, repeat_of
from analysis.stats.intervals import t_interval
from analysis.tables.labels import full_label, short_names
from resnet_lab import metrics
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.outcomes import Status

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

CAPTION = (
    "points: mean over seeds, and over the levels of every other factor; bars: 95 % Student-t interval over seeds"
    " (cut where it leaves the panel; it holds what seeds share, which the test does not); lines that are not parallel"
    " are an interaction"
)


def plot_interactions(
    trials: Sequence[TrialRow], tables: Sequence[Anova], *, out: Path, metric: str = TEST_ERROR
) -> list[Path]:
    """Write out.png, .svg and .csv: a panel for each pair of factors of each context that has an ANOVA."""
    frame = interaction_data(trials, tables, metric)
    if frame.empty:
        return []
    return draw_and_save(lambda: _figure(frame, metric), frame, out)


def interaction_data(trials: Sequence[TrialRow], tables: Sequence[Anova], metric: str) -> "pd.DataFrame":
    """Return a line for each pair of factors and of their levels: n seeds, mean and t limits in per cent."""
    import pandas as pd

    lines: list[dict[str, object]] = []
    for table in tables:
        here = [t for t in trials if all(t[name] == value for name, value in table.context.items())]
        factors = [effect.factors[0] for effect in table.effects if len(effect.factors) == 1]
        for one, other in itertools.combinations(factors, 2):
            levels: dict[tuple[object, object], dict[int, list[float]]] = {}
            for trial in here:
                if trial["status"] == Status.COMPLETE and not failure(trial, metric):
                    seeds = levels.setdefault((trial[one], trial[other]), {})
                    seeds.setdefault(repeat_of(trial), []).append(float(trial[metric]))
            for (first, second), seeds in levels.items():
                mean = t_interval([sum(values) / len(values) for values in seeds.values()])
                place = {"context": full_label(table.context), "x": one, "x_level": first}
                lines.append(
                    {**place, "line": other, "line_level": second, "n": len(seeds)}
                    | {"mean": mean.mean, "low": mean.low, "high": mean.high}
                )
    return pd.DataFrame(lines)


def _figure(frame: "pd.DataFrame", metric: str) -> Any:
    groups = list(frame.groupby(["x", "line", "context"], sort=False))
    columns = frame["context"].nunique() if frame["context"].nunique() > 1 else 3
    figure, axes = grid(len(groups), FigureText("Interactions", CAPTION), columns=min(columns, 3))
    for panel, ((x, line, context), part) in zip(axes, groups, strict=True):
        _draw(panel, part, str(x), str(line))
        _key(panel, str(context), short_names([str(x), str(line)])[str(line)])
        panel.set_ylabel(metrics.metric(metric).axis)
    return figure


def _key(axes: "Axes", context: str, line: str) -> None:
    """Above the panel, where no line runs."""
    title = f"{context}, lines: {line}" if context else f"lines: {line}"
    axes.legend(
        title=title,
        frameon=False,
        fontsize=8,
        title_fontsize=8,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1),
        ncols=3,
        alignment="left",
        columnspacing=1,
    )


def _draw(axes: "Axes", part: "pd.DataFrame", x: str, line: str) -> None:
    short: Mapping[str, str] = short_names([x, line])
    places = list(dict.fromkeys(part["x_level"]))
    levels = list(dict.fromkeys(part["line_level"]))
    for index, level in enumerate(levels):
        mine = part[part["line_level"] == level]
        shift = 0.06 * (index - (len(levels) - 1) / 2)
        at = [places.index(value) + shift for value in mine["x_level"]]
        style: dict[str, Any] = {"color": colour(index), "marker": marker(index), "ls": LINES[index % len(LINES)]}
        axes.plot(at, mine["mean"], lw=1.4, ms=5, label=str(level), zorder=3, **style)
        axes.vlines(at, mine["low"], mine["high"], colors=[colour(index)], lw=1.2, alpha=0.6)
    axes.set_xticks(range(len(places)), [str(place) for place in places])
    axes.set_xlim(-0.4, len(places) - 0.6)
    axes.set_xlabel(short[x])
    values = part[["mean"]].to_numpy()
    span = float(values.max() - values.min()) or 0.1 * float(values.max()) or 0.5
    low, high = part["low"].min(), part["high"].max()
    axes.set_ylim(
        max(0.0, low if low > values.min() - span else values.min() - span) - 0.02 * span,
        (high if high < values.max() + span else values.max() + span) + 0.02 * span,
    )
