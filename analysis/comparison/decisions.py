"""Decisions on arms for scripts: better, worse, equivalent or undecided, and how often the rule errs.

An arm is better or worse where its paired test, Holm-corrected (1979) over all arms of the report, has p < 5 %; it is
equivalent where two one-sided tests within the margin, corrected likewise, have, which goes first: a difference below
the margin does not matter. So at most 5 of 100 reports call any arm better or worse whose true difference is none, or
has the other sign, and at most 5 of 100 call one equivalent that is not. All else is undecided.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from analysis.comparison.arms import ArmRow
from analysis.comparison.compare import Comparison
from analysis.results.plain import none_if_nan
from resnet_lab.spec.choices import Value

ALPHA = 0.05
"""Of all arms of a report together."""


class Decided(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


def decide(comparison: Comparison) -> Decided:
    """Return the decision on one arm. A p that is not defined decides nothing."""
    row = comparison.row
    if comparison.p_tost_holm < ALPHA:
        return Decided.EQUIVALENT
    sign = row.direction or row.difference  # ranks where seeds diverged, which withhold the mean
    if row.p_holm < ALPHA:
        return Decided.BETTER if sign < 0 else Decided.WORSE
    return Decided.UNDECIDED


def decisions(rows: Sequence[ArmRow], comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return a decision for every arm but the baselines, as JSON takes it; differences in points of test error."""
    compared = {_key(each.row): each for each in comparisons}
    return [_content(row, compared.get(_key(row))) for row in rows if not row.is_baseline]


def exit_code(found: Sequence[dict[str, Any]]) -> int:
    """Return 0 where an arm is better, 1 where none is and all are decided, else 3."""
    verdicts = {each["verdict"] for each in found}
    if Decided.BETTER in verdicts:
        return 0
    return 3 if Decided.UNDECIDED in verdicts or not verdicts else 1


def _key(row: ArmRow) -> tuple[Value, ...]:
    return (*row.context.values(), *row.arm.values())


def _content(row: ArmRow, comparison: Comparison | None) -> dict[str, Any]:
    limits = (row.difference_low, row.difference_high)
    return {
        **row.context,
        **row.arm,
        "verdict": (decide(comparison) if comparison else Decided.UNDECIDED).value,
        "difference": none_if_nan(row.difference),
        "interval": [none_if_nan(limit) for limit in limits],
        "n": row.pairs,
        "p_holm": none_if_nan(row.p_holm),
        "failed": row.failed,
        "errs_at_most": ALPHA,
    }
