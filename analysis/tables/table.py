"""The main table of a study, for a terminal and for a README."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.box import HORIZONTALS
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from analysis.comparison.arms import ArmRow
from analysis.tables.cells import context_breaks, field_cells, field_headers, number_cells, number_headers
from analysis.tables.fault_words import RED, RED_SIGN, faulty_rows
from resnet_lab.metrics import TEST_ERROR


class Layout(NamedTuple):
    """How tightly the table is set."""

    break_headers: bool
    gap: str
    """What stands between an estimate and its interval."""
    merged: bool
    """One column for the arm, with what differs from the baseline."""


LAYOUTS = (
    Layout(break_headers=False, gap=" ", merged=False),
    Layout(break_headers=True, gap=" ", merged=False),
    Layout(break_headers=True, gap="\n", merged=False),
    Layout(break_headers=True, gap=" ", merged=True),
    Layout(break_headers=True, gap="\n", merged=True),
)
"""From wide to narrow; the first that fits is taken."""


def render(rows: Sequence[ArmRow], *, title: str, width: int = 80, metric: str = TEST_ERROR) -> Table:
    """Return the table of the rows, at most `width` columns wide: a row per arm, a rule between contexts."""
    console = Console(width=10_000)
    for layout in LAYOUTS:
        table = _build(rows, title, layout, metric)
        if Measurement.get(console, console.options, table).maximum <= width:
            return table
    table.width = width  # rich folds what still does not fit
    return table


def markdown(rows: Sequence[ArmRow], metric: str = TEST_ERROR) -> str:
    """Return the table as a Markdown pipe table, ending in a newline."""
    headers = field_headers(rows, merged=False) + number_headers(rows, metric)
    cells = zip(field_cells(rows, merged=False), number_cells(rows), strict=True)
    lines = [headers, ["---"] * len(headers), *(fields + numbers for fields, numbers in cells)]
    for index in faulty_rows(rows):
        lines[index + 2][0] = f"{RED_SIGN} {lines[index + 2][0]}"
    return "".join(f"| {' | '.join(map(_escaped, line))} |\n" for line in lines)


def _build(rows: Sequence[ArmRow], title: str, layout: Layout, metric: str) -> Table:
    table = Table(
        title=Text(title),
        title_justify="left",
        box=HORIZONTALS,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in field_headers(rows, merged=layout.merged):
        table.add_column(_header(name, layout), overflow="fold")
    for name in number_headers(rows, metric):
        table.add_column(_header(name, layout), justify="right", overflow="fold")
    fields, numbers = field_cells(rows, merged=layout.merged), number_cells(rows, layout.gap)
    breaks = context_breaks([row.context for row in rows])
    for index, row in enumerate(rows):
        if index in breaks:
            table.add_section()
        style = RED if row.faults else "bold" if row.is_baseline else None
        table.add_row(*map(Text, fields[index] + numbers[index]), style=style)
    return table


def _header(name: str, layout: Layout) -> Text:
    return Text(name.replace("_", "_\n") if layout.break_headers else name)


def _escaped(cell: str) -> str:
    line = cell.replace("=\n  ", "=").replace("\n", ", ")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
