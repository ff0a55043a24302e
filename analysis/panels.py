"""Figures of several panels, one a context, that share one legend of the arms."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.arm_panel import LETTER, SMALL_LETTER, TITLE_LETTER, look
from analysis.arms import ArmRow
from analysis.figures import STYLE
from analysis.labels import full_label, names_label, values_label
from resnet_lab.fields import Value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("-", "--", "-.", ":")
WIDTH = 7.2
"""Inches: two columns of a journal."""
PANEL_HEIGHT = 2.5


@dataclass(frozen=True, slots=True)
class Sheet:
    """A figure's words: its title, and what stands under it in small letters."""

    title: str
    caption: str


def arms_of(rows: Sequence[ArmRow]) -> list[Mapping[str, Value]]:
    """Return the arms in the order of the table, which is that of their colours."""
    return list({tuple(row.arm.values()): row.arm for row in rows}.values())


def contexts_of(rows: Sequence[ArmRow]) -> list[Mapping[str, Value]]:
    """Return the contexts in the order of the table."""
    return list({tuple(row.context.values()): row.context for row in rows}.values())


def in_panels(
    rows: Sequence[ArmRow], sheet: Sheet, draw: Callable[["Axes", ArmRow, Mapping[str, object]], None]
) -> "Figure":
    """Draw each row into the panel of its context with its arm's colour and line, and a legend under all."""
    contexts, arms = contexts_of(rows), arms_of(rows)
    figure, axes = grid(len(contexts), sheet)
    for panel, context in zip(axes, contexts, strict=True):
        panel.set_title(full_label(context), fontsize=9)
        for row in rows:
            if row.context == context:
                index = arms.index(row.arm)
                draw(panel, row, {"color": look(index)[0], "linestyle": LINES[index % len(LINES)]})
    baseline = next((row.arm for row in rows if row.is_baseline), {})
    labels = [values_label(arm) + (" (baseline)" if arm == baseline else "") for arm in arms]
    legend(figure, names_label(arms[0]), labels)
    return figure


def grid(count: int, sheet: Sheet, columns: int = 3) -> tuple["Figure", list["Axes"]]:
    """Return a figure of `count` panels, at most `columns` side by side."""
    import seaborn as sns
    from matplotlib.figure import Figure

    across = max(min(count, columns), 1)
    down = -(-count // across)
    width = WIDTH if across > 1 else 5.2
    figure = Figure(figsize=(width, 1.1 + PANEL_HEIGHT * down), layout="constrained")
    axes = [figure.add_subplot(down, across, index + 1) for index in range(count)]
    for panel in axes:
        sns.despine(ax=panel)
    figure.suptitle(textwrap.fill(sheet.title, int(width / TITLE_LETTER)), x=0.01, ha="left", fontsize=10)
    caption = textwrap.fill(sheet.caption, int(width / SMALL_LETTER))
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=7, color="0.35")
    return figure, axes


def legend(figure: "Figure", title: str, labels: Sequence[str]) -> None:
    """Set the arms' colours and lines under the panels, in as many columns as fit."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=look(i)[0], ls=LINES[i % len(LINES)], lw=1.6) for i in range(len(labels))]
    fitting = int(figure.get_size_inches()[0] / (LETTER * max(map(len, labels)) + 0.6))
    figure.legend(
        handles,
        labels,
        title=title,
        ncols=max(min(fitting, 4, len(labels)), 1),
        loc="outside lower left",
        alignment="left",
        frameon=False,
        fontsize=8,
        title_fontsize=8,
    )


def write(draw: Callable[[], "Figure"], frame: "pd.DataFrame", out: Path) -> list[Path]:
    """Draw in the style of all figures; write and return out.png, out.svg and out.csv, the same bytes each time."""
    import matplotlib as mpl
    import seaborn as sns

    paths = [out.with_name(out.name + ending) for ending in (".png", ".svg", ".csv")]
    frame.to_csv(paths[2], index=False, lineterminator="\n")
    with sns.axes_style("whitegrid"), mpl.rc_context(STYLE):
        figure = draw()
        figure.savefig(paths[0], dpi=200, metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None})
    return paths
