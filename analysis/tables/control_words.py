"""Matched controls in words and as JSON: each arm against the baseline at a width of the arm's own size or cost."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.comparison.arms import ArmRow
from analysis.comparison.controls import Matched, tests_of
from analysis.results.plain import none_if_nan
from analysis.tables.audit_words import NAMES, WIDTH, control_name, is_baseline, nearness
from analysis.tables.cells import estimate, p_text
from analysis.tables.labels import full_label


def text(matched: Sequence[Matched], controls: Sequence[Mapping[str, Any]], rows: Sequence[ArmRow]) -> str:
    """Return a paragraph on what is compared, a line per arm, and which arms have none, in at most 80 columns."""
    lines = _compared(matched, rows) if matched else []
    for each in controls:
        if is_baseline(each):
            lines += _wrapped(f"{_arm(each)}: no width is nearer than the baseline's own, {nearness(each)}")
    return "\n".join(lines) or "No arm shares a seed with its control."


def _compared(matched: Sequence[Matched], rows: Sequence[ArmRow]) -> list[str]:
    own, table = tests_of([each.row for each in matched]), tests_of(rows)
    head = (
        f"Arms against the controls nearest to them in {NAMES[matched[0].control['what']]}, arm minus control in"
        " points of test error over the seeds complete in both [95 % paired t interval]; p: two-sided paired t test,"
        f" Holm-corrected over these {own} and the {table} comparisons of the table together. A control is the"
        " baseline at another width; in the table it is an arm of its own."
    )
    lines = textwrap.wrap(head, WIDTH)
    for each in matched:
        lines += _wrapped(_line(each))
    return lines


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def _arm(control: Mapping[str, Any]) -> str:
    """Return the arm with its context, without the width, which is the baseline's."""
    arm = {name: value for name, value in control["arm"].items() if name != "model.width"}
    return full_label({**control["context"], **arm})


def content(matched: Sequence[Matched]) -> list[dict[str, Any]]:
    """Return the same as JSON takes it."""
    return [
        {
            **each.control,
            "pairs": each.row.pairs,
            "difference": none_if_nan(each.row.difference),
            "difference_low": none_if_nan(each.row.difference_low),
            "difference_high": none_if_nan(each.row.difference_high),
            "p": none_if_nan(each.row.p),
            "p_holm": none_if_nan(each.p_holm),
        }
        for each in matched
    ]


def _line(each: Matched) -> str:
    control, row = each.control, each.row
    numbers = estimate("+.2f", row.difference, row.difference_low, row.difference_high)
    p = f"p Holm {p_text(each.p_holm)}"
    return f"{_arm(control)} against the {control_name(control)}: {numbers}, {p}; {nearness(control)}"
