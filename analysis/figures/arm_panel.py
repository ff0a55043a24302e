"""The arms figure, of one panel: contexts along x, a lane for each arm, drawn from the lines of `plot_data`.

seaborn's own bars are not used: its default interval, a bootstrap, covers 75 % at three seeds.
"""

import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.figures.arm_marks import draw_lane
from analysis.figures.axes import limits, log_ticks, spans_decades
from analysis.figures.style import arm_style
from analysis.tables.cells import arm_label
from analysis.tables.fault_words import FAULTY, RED
from analysis.tables.labels import MANY, names_label
from resnet_lab import metrics
from resnet_lab.spec.choices import Value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

Key = tuple[object, ...]

LANES = 0.8
"""Share of the distance between two contexts that the lanes of all arms fill."""
CAPTION = "points: seeds; bars: mean with 95 % Student-t interval"
TITLE_LETTER, LETTER, SMALL_LETTER = 0.085, 0.057, 0.05
"""Mean width of a letter of the title, the legend and the caption, in inches."""
BELOW = 0.5
"""From the axis down to the legend, in inches: past the tick labels and the name of the context."""

_MARK = f" ({FAULTY})"


def draw(
    frame: "pd.DataFrame",
    *,
    arm: Sequence[str],
    context: Sequence[str],
    title: str,
    metric: str,
    faulty: Collection[Key] = (),
) -> "Figure":
    """Return the figure; the metric is in per cent. Arms in `faulty`, by their values, are marked in red."""
    from matplotlib.figure import Figure

    settings, arms = _distinct(frame, context), _distinct(frame, arm)
    width = min(max(4.6, 1.4 + 0.45 * len(arms) * len(settings)), 10)
    labels = [_label(frame, arm, key, is_faulty=key in faulty) for key in arms]
    columns = 2 if 2 * (LETTER * max(map(len, labels), default=0) + 0.6) < width else 1
    figure = Figure(figsize=(width, 3.3 + 0.17 * -(-len(arms) // columns)), layout="constrained")
    axes = figure.add_subplot()
    _set_scale(axes, frame)
    _format_axes(axes, settings, context, metric)
    _draw_arms(axes, frame, (context, settings), (arm, arms))
    axes.set_title(textwrap.fill(title, int(width / TITLE_LETTER)), loc="left")
    _legend(figure, axes, key_title(arm), labels, columns)
    caption = textwrap.fill("; ".join(_notes(axes, frame)), int(width / SMALL_LETTER))
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=7, color="0.35")
    return figure


def _draw_arms(
    axes: "Axes",
    frame: "pd.DataFrame",
    contexts: tuple[Sequence[str], list[Key]],
    arms: tuple[Sequence[str], list[Key]],
) -> None:
    lane = LANES / max(len(arms[1]), 1)
    for c, setting in enumerate(contexts[1]):
        here = _where(frame, contexts[0], setting)
        for mean in here[here["is_baseline"] & (here["shows"] == "interval")]["mean"]:
            axes.hlines(mean, c - 0.46, c + 0.46, colors="0.5", linestyles="dotted", linewidth=1, zorder=1)
        for a, key in enumerate(arms[1]):
            x = c - LANES / 2 + lane * (a + 0.5)
            draw_lane(axes, _where(here, arms[0], key), x, lane, *arm_style(a))


def _distinct(frame: "pd.DataFrame", names: Sequence[str]) -> list[Key]:
    return list(dict.fromkeys(zip(*(frame[name] for name in names), strict=True))) if names else [()]


def _where(frame: "pd.DataFrame", names: Sequence[str], key: Key) -> "pd.DataFrame":
    for name, value in zip(names, key, strict=True):
        frame = frame[frame[name] == value]
    return frame


def _label(frame: "pd.DataFrame", arm: Sequence[str], key: Key, *, is_faulty: bool) -> str:
    base = next(iter(_distinct(frame[frame["is_baseline"]], arm)), key)
    values, reference = (dict(zip(arm, each, strict=True)) for each in (key, base))
    return legend_label(
        values,  # type: ignore[arg-type]  # cells of a frame
        reference,  # type: ignore[arg-type]
        is_baseline=bool(_where(frame, arm, key)["is_baseline"].any()),
        is_faulty=is_faulty,
    )


def _set_scale(axes: "Axes", frame: "pd.DataFrame") -> None:
    values = frame["value"].dropna().tolist()
    log = spans_decades(values)
    bottom, top = limits(values, frame["low"].tolist(), frame["high"].tolist(), log=log)
    if frame["shows"].isin(["failed", "diverged"]).any():  # room for the marks at the top
        top = top * (top / bottom) ** 0.1 if log else top + 0.1 * (top - bottom)
    if log:
        log_ticks(axes, bottom, top)
    axes.set_ylim(bottom, top)


def _format_axes(axes: "Axes", settings: Sequence[Key], context: Sequence[str], metric: str) -> None:
    import seaborn as sns

    axes.set_ylabel(metrics.metric(metric).axis)
    axes.set_xlabel(names_label(context))
    axes.set_xlim(-0.5, len(settings) - 0.5)
    axes.set_xticks(range(len(settings)), [" / ".join(map(str, key)) for key in settings])
    axes.grid(visible=False, axis="x")
    for edge in range(1, len(settings)):
        axes.axvline(edge - 0.5, color="0.85", linewidth=0.8, zorder=1)
    sns.despine(ax=axes)


def _legend(figure: "Figure", axes: "Axes", title: str, labels: Sequence[str], columns: int) -> None:
    """Below the axis: a legend of the axes, unlike one of the figure, leaves the caption its room."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    styles = [arm_style(index) for index in range(len(labels))]
    handles = [Line2D([], [], color=c, marker=m, mec="black", mew=0.6, ms=6, lw=1.6) for c, m in styles]
    below = ScaledTranslation(0, -BELOW, figure.dpi_scale_trans)
    legend = axes.legend(
        handles,
        labels,
        title=title,
        ncols=columns,
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=axes.transAxes + below,
        alignment="left",
        borderpad=0,
        frameon=False,
        fontsize=8,
        title_fontsize=8,
    )
    redden(legend)


def _notes(axes: "Axes", frame: "pd.DataFrame") -> list[str]:
    bottom, top = axes.get_ylim()
    beyond = (frame["low"] < bottom).any() or (frame["high"] > top).any()
    parts = [
        (True, CAPTION),
        (frame["is_baseline"].any(), "dotted: mean of the baseline"),
        (beyond, "arrows: interval goes on"),
        ((frame["shows"] == "diverged").any(), "triangles: diverged seeds of all, no mean drawn"),
        ((frame["shows"] == "failed").any(), "crosses: failed trials"),
        (axes.get_yscale() == "log", "log scale"),
    ]
    return [text for holds, text in parts if holds]


def key_title(arm: Iterable[str]) -> str:
    """Return the title of a legend of arms: the names of their fields, where they are few."""
    names = list(arm)
    return names_label(names) if len(names) <= MANY else ""


def legend_label(
    arm: Mapping[str, Value], reference: Mapping[str, Value], *, is_baseline: bool, is_faulty: bool
) -> str:
    """Return an arm's label; of many fields, those that differ from `reference`, the baseline."""
    label = arm_label(arm, reference)
    named = is_baseline and label != "baseline"
    return label + (" (baseline)" if named else "") + (_MARK if is_faulty else "")


def redden(legend: "Legend") -> None:
    """Set the labels of faulty arms in red."""
    for text in legend.get_texts():
        if text.get_text().endswith(_MARK):
            text.set_color(RED)
