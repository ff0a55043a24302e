"""Faulty protocols in words: the mark of their trials, and what is wrong with each."""

from collections.abc import Iterable, Sequence

from analysis.comparison.arms import ArmRow

FAULTY, CORRECT = "faulty", "correct"
COLUMN = "protocol"
"""Heading of the column that marks faulty protocols, in tables that hold any."""
RED = "red"
RED_SIGN = "\N{LARGE RED CIRCLE}"
"""What stands for the colour where text has none, as in Markdown."""


def faulty_rows(rows: Sequence[ArmRow]) -> frozenset[int]:
    """Return which rows are of trials whose protocol is not correct."""
    return frozenset(index for index, row in enumerate(rows) if row.faults)


def mark(row: ArmRow) -> str:
    """Return what the column says of an arm."""
    return FAULTY if row.faults else CORRECT


def fault_sentence(rows: Iterable[ArmRow]) -> str:
    """Return what is marked in red and what it must not be taken for; nothing where every protocol is correct."""
    marked = [row for row in rows if row.faults]
    if not marked:
        return ""
    listed = "; ".join(dict.fromkeys(fault for row in marked for fault in row.faults))
    trials = sum(row.n + row.failed + row.missing for row in marked)
    return (
        f"In red: {trials} trial{'s' if trials > 1 else ''} whose protocol is not correct ({listed}): their figures "
        "say what a fault does, and nothing of a network."
    )
