"""Output of a listing: rows as a table, as entries of indented lines, or as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tyro.conf import arg

Row = Mapping[str, Any]
INDENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonOption:
    """The option that every listing has."""

    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print the rows as JSON on stdout, and nothing else there."""


def print_json(rows: Sequence[Row]) -> None:
    """Print the rows as one JSON array."""
    print(json.dumps(rows, indent=2))


def print_table(rows: Sequence[Row], *, numbers: Sequence[str] = (), wrapped: Sequence[str] = ()) -> None:
    """Print a line for each row, its keys as columns: `numbers` to the right, and only `wrapped` in several lines."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in rows[0]:
        table.add_column(name, justify="right" if name in numbers else "left", no_wrap=name not in wrapped)
    for row in rows:
        table.add_row(*map(cell, row.values()))
    Console(highlight=False, markup=False).print(table)


def print_entries(entries: Sequence[tuple[str, Mapping[str, str]]]) -> None:
    """Print each entry's title and, indented under it, its labelled texts; those that are empty are left out."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    for title, texts in entries:
        lines = Table.grid(padding=(0, 2, 0, 0))
        lines.add_column(no_wrap=True, style="dim")
        lines.add_column()
        for label, text in texts.items():
            if text:
                lines.add_row(label, text)
        console.print(title, style="bold", soft_wrap=True)
        console.print(Padding(lines, (0, 0, 0, INDENT)))


def cell(value: object) -> str:
    """Return a value as a table shows it: counts with thousands separated, nothing for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)
