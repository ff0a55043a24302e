"""Figures of several panels, one per context, that share one legend of the arms."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.comparison.arms import ArmRow
from analysis.figures.arm_panel import LETTER, SMALL_LETTER, TITLE_LETTER, key_title, legend_label, redden
from analysis.figures.style import arm_style
from analysis.tables.labels import full_label
from resnet_lab.spec.choices import Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

LINES = ("-", "--", "-.", ":")
WIDTH, NARROW = 7.2, 5.2
"""Inches: two columns of a journal, and one panel with few arms."""
PANEL_HEIGHT = 2.5
LINE, SMALL_LINE = 0.17, 0.12
"""Height of a line of the key and of the caption, in inches."""


@dataclass(frozen=True, slots=True)
class FigureText:
    """Text of a figure: its title, and the caption under it."""

    title: str
    caption: str


def arms_of(rows: Sequence[ArmRow]) -> list[Mapping[str, Value]]:
    """Return the arms in the order of the table, which is that of their colours."""
    return list({tuple(row.arm.values()): row.arm for row in rows}.values())


def contexts_of(rows: Sequence[ArmRow]) -> list[Mapping[str, Value]]:
    """Return the contexts in the order of the table."""
    return list({tuple(row.context.values()): row.context for row in rows}.values())


def in_panels(
    rows: Sequence[ArmRow], text: FigureText, draw: Callable[["Axes", ArmRow, Mapping[str, object]], None]
) -> "Figure":
    """Draw each row into the panel of its context with its arm's colour and line, and a legend under all."""
    contexts, key, styles = contexts_of(rows), *arm_lines(rows)
    figure, axes = grid(len(contexts), text, key=key)
    for panel, context in zip(axes, contexts, strict=True):
        panel.set_title(full_label(context), fontsize=9)
        for row, style in zip(rows, styles, strict=True):
            if row.context == context:
                draw(panel, row, style)
    return figure


def arm_lines(
    rows: Sequence[ArmRow], *, solid: bool = False
) -> tuple[tuple[str, list[str]], list[Mapping[str, object]]]:
    """Return the key of the arms for `grid`, and the colour and line of each row; all lines are solid if so asked."""
    arms = arms_of(rows)
    baseline = next((row.arm for row in rows if row.is_baseline), {})
    faulty = [row.arm for row in rows if row.faults]
    labels = [legend_label(arm, baseline, is_baseline=arm == baseline, is_faulty=arm in faulty) for arm in arms]
    places = [arms.index(row.arm) for row in rows]
    lines = LINES[:1] if solid else LINES
    styles: list[Mapping[str, object]] = [
        {"color": arm_style(place)[0], "linestyle": lines[place % len(lines)]} for place in places
    ]
    return (key_title(arms[0]) if arms else "", labels), styles


def grid(
    count: int,
    text: FigureText,
    columns: int = 3,
    key: tuple[str, Sequence[str]] = ("", ()),
    width: float = 0.0,
    solid: bool = False,
    markers: bool = False,
) -> tuple["Figure", list["Axes"]]:
    """Return a figure of `count` panels, at most `columns` side by side, above the caption and the key of the arms.

    It is as wide as a page or a column, or `width` inches. The key's lines are those of `arm_lines`, or it shows the
    markers of `arm_style`.
    """
    import seaborn as sns
    from matplotlib.figure import Figure

    across = max(min(count, columns), 1)
    down = -(-count // across)
    width = width or (WIDTH if across > 1 or len(key[1]) > 4 else NARROW)
    across_key = max(min(int(width / (LETTER * max(map(len, key[1]), default=0) + 0.6)), 4, len(key[1])), 1)
    caption = textwrap.fill(text.caption, int(width / SMALL_LETTER))
    key_height = LINE * (1 - (-len(key[1]) // across_key)) + 0.1 if key[1] else 0.0
    heights = 0.3 + PANEL_HEIGHT * down, key_height + SMALL_LINE * (caption.count("\n") + 1) + 0.1
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    top, foot = figure.subfigures(2, 1, height_ratios=heights, squeeze=False).flat
    axes = [top.add_subplot(down, across, index + 1) for index in range(count)]
    for panel in axes:
        sns.despine(ax=panel)
    top.suptitle(textwrap.fill(text.title, int(width / TITLE_LETTER)), x=0.01, ha="left", fontsize=10)
    foot.text(0.01, 0.03, caption, ha="left", va="bottom", fontsize=7, color="0.35")
    if key[1]:
        lines = LINES[:1] if solid else LINES
        _legend(foot, key, across_key, ("none",) if markers else lines)
    return figure, axes


def _legend(foot: "SubFigure", key: tuple[str, Sequence[str]], columns: int, lines: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    drawn = [(*arm_style(i), lines[i % len(lines)]) for i in range(len(key[1]))]
    legend = foot.legend(
        [Line2D([], [], color=c, ls=line, lw=1.6, marker=m if line == "none" else None) for c, m, line in drawn],
        key[1],
        title=key[0],
        ncols=columns,
        loc="upper left",
        alignment="left",
        frameon=False,
        fontsize=8,
        title_fontsize=8,
    )
    redden(legend)
