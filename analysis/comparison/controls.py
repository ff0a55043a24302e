"""Arms against their matched controls: the baseline at a width that gives it the arm's parameters or FLOPs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.comparison.arms import ArmRow, summarise
from analysis.results.trials import TrialRow
from analysis.stats.intervals import holm

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """One arm and its control."""

    control: Json
    """As plan.json has it: `context`, `arm`, `control`, and what was matched how well."""
    row: ArmRow
    """The arm, compared with its control seed by seed."""
    p_holm: float
    """Holm-corrected over the arms against their controls and the comparisons of the main table, together."""


def against_controls(trials: Sequence[TrialRow], controls: Sequence[Json], rows: Sequence[ArmRow]) -> list[Matched]:
    """Return every arm against its control; `rows` are those of the main table.

    An arm whose control is the baseline itself is left out: the table has that comparison.
    """
    found = [(control, _row(trials, control)) for control in controls if control["found"] != control["baseline"]]
    known = [(control, row) for control, row in found if row is not None]
    corrected = holm([*(row.p for _, row in known), *(row.p for row in rows)])
    return [Matched(control=c, row=row, p_holm=p) for (c, row), p in zip(known, corrected, strict=False)]


def tests_of(rows: Sequence[ArmRow]) -> int:
    """Return how many comparisons of a table have a p."""
    return sum(not math.isnan(row.p) for row in rows)


def _row(trials: Sequence[TrialRow], control: Json) -> ArmRow | None:
    """Return the arm with its control as the baseline, or None where either has no trials."""
    arm, context, base = control["arm"], control["context"], control["control"]
    both = [trial for trial in trials if _in(trial, {**context, **arm}) or _in(trial, {**context, **base})]
    summarised = summarise(both, arm=tuple(arm), context=tuple(context), baseline=base)
    return next((row for row in summarised if not row.is_baseline and row.pairs), None)


def _in(trial: TrialRow, fields: Mapping[str, Any]) -> bool:
    return all(trial[name] == value for name, value in fields.items())
