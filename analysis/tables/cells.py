"""Cells of a study's main table, as text."""

import math
from collections.abc import Mapping, Sequence

from analysis.comparison.arms import ArmRow, correction_of
from analysis.tables.fault_words import COLUMN, faulty_rows, mark
from analysis.tables.labels import MANY, read, short_names
from resnet_lab.metrics import TEST_ERROR, metric
from resnet_lab.spec.choices import Value

LONG = 24
"""A change longer than this breaks after its equals sign."""


def field_headers(rows: Sequence[ArmRow], *, merged: bool) -> list[str]:
    """Return the headings of the context and arm fields; `merged` has one column for the arm, as arms of many have.

    Tables with faulty protocols have a column that marks them.
    """
    if not rows:
        return []
    short = short_names([*rows[0].context, *rows[0].arm])
    merged = merged or len(rows[0].arm) > MANY
    names = ["arm"] if merged else [short[name] for name in rows[0].arm]
    return [*(short[name] for name in rows[0].context), *names, *([COLUMN] if faulty_rows(rows) else [])]


def field_cells(rows: Sequence[ArmRow], *, merged: bool) -> list[list[str]]:
    """Return the values under `field_headers`; the merged column says what differs from the baseline."""
    reference = next((row.arm for row in rows if row.is_baseline), {})
    merged, marked = merged or any(len(row.arm) > MANY for row in rows), bool(faulty_rows(rows))
    return [
        [
            *map(str, row.context.values()),
            *([changes(row.arm, reference)] if merged else map(str, row.arm.values())),
            *([mark(row)] if marked else []),
        ]
        for row in rows
    ]


def context_breaks(contexts: Sequence[Mapping[str, Value]]) -> frozenset[int]:
    """Return the rows of a table above which a rule is drawn: a new context begins."""
    return frozenset(i for i in range(1, len(contexts)) if contexts[i] != contexts[i - 1])


def number_headers(rows: Sequence[ArmRow], name: str = TEST_ERROR) -> list[str]:
    """Return the headings of the numbers of a metric; failures have a column where there are any."""
    failed = ["failed"] if any(row.failed for row in rows) else []
    return ["n", *failed, heading(name), "difference", correction_of(rows).column]


def heading(name: str) -> str:
    """Return the heading of a metric's column: `error %` for the test error, of which most tables are."""
    return "error %" if name == TEST_ERROR else metric(name).header


def difference_unit(name: str) -> str:
    """Return the unit of a metric's differences: points, of what is in per cent."""
    unit = metric(name).unit
    return "points" if unit == "%" else unit or "units"


def number_cells(rows: Sequence[ArmRow], gap: str = " ") -> list[list[str]]:
    """Return the text under `number_headers`; `gap` stands between an estimate and its interval."""
    any_failed = any(row.failed for row in rows)
    return [
        [
            str(row.n),
            *([str(row.failed)] if any_failed else []),
            errors_text(row, gap),
            "baseline" if row.is_baseline else difference_text(row, gap),
            "" if row.is_baseline else p_text(row.p_corrected),
        ]
        for row in rows
    ]


def changes(arm: Mapping[str, Value], reference: Mapping[str, Value]) -> str:
    """Return what an arm changes in the baseline, one line per field; `baseline` for the baseline itself."""
    short = short_names(arm)
    base = read(reference)
    changed = [f"{short[name]}={value}" for name, value in read(arm).items() if base.get(name) != value]
    lines = [line if len(line) <= LONG else line.replace("=", "=\n  ", 1) for line in changed]
    return "\n".join(lines) or "baseline"


def arm_label(arm: Mapping[str, Value], reference: Mapping[str, Value], between: str = " / ") -> str:
    """Return an arm in one line: its values, or, of many, what it changes in the baseline."""
    if len(arm) <= MANY:
        return between.join(map(str, arm.values()))
    return ", ".join(changes(arm, reference).replace("=\n  ", "=").split("\n"))


def errors_text(row: ArmRow, gap: str = " ") -> str:
    """Return the mean error with its interval, or `3 of 5 diverged` in its place."""
    if row.diverged:
        return f"{row.diverged} of {row.n + row.diverged} diverged"
    return estimate(".2f", row.mean, row.low, row.high, gap)


def difference_text(row: ArmRow, gap: str = " ") -> str:
    """Return the mean difference with its interval, or which seeds diverged in its place."""
    if row.withheld:
        return row.withheld.replace(", ", ",\n") if gap == "\n" else row.withheld
    return estimate("+.2f", row.difference, row.difference_low, row.difference_high, gap)


def estimate(form: str, value: float, low: float, high: float, gap: str = " ") -> str:
    """Return `2.41 [2.01, 2.81]`, without the limits where they are nan, or n/a."""
    if math.isnan(value):
        return "n/a"
    return format(value, form) + ("" if math.isnan(low) else f"{gap}[{low:.2f}, {high:.2f}]")


def p_text(value: float) -> str:
    """Return a p to three decimals, <0.001 or n/a."""
    if math.isnan(value):
        return "n/a"
    return "<0.001" if value < 0.001 else f"{value:.3f}"
