"""Sections of the measures taken after training: a table of the arms and a figure each."""

from collections.abc import Iterator
from pathlib import Path

from analysis.report.assemble import picture
from analysis.report.data import Measured, ReportData
from analysis.report.document import Block, Table, Text
from analysis.tables.cells import context_breaks, field_cells, field_headers, number_cells, number_headers
from analysis.tables.fault_words import faulty_rows
from analysis.tables.footnotes import explain


def measure(data: ReportData, found: Measured, folder: Path) -> Iterator[Block]:
    """Yield the arms by one measure, each against its baseline, what the numbers are, and the figure."""
    rows = found.rows
    fields = field_headers(rows, merged=False)
    yield Table(
        caption=f"{found.title}, measured on the trained networks.",
        headers=[*fields, *number_headers(rows, found.metric)],
        rows=[
            [*names, *numbers]
            for names, numbers in zip(field_cells(rows, merged=False), number_cells(rows), strict=True)
        ],
        left=len(fields),
        strong=frozenset(i for i, row in enumerate(rows) if row.is_baseline),
        breaks=context_breaks([row.context for row in rows]),
        red=faulty_rows(rows),
    )
    yield Text(explain(rows, data.baseline, found.metric), note=True)
    for sentence in found.failures:
        yield Text(f"Not measured: {sentence}")
    yield from picture({found.name: "Every seed, and each arm's mean with its interval."}, folder, found.name)
