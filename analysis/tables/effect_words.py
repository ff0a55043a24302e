"""Largest effect of each context in a sentence: its interval, and what its number of seeds could have decided."""

import math
from collections.abc import Iterator, Mapping, Sequence

from analysis.comparison.arms import ArmRow, correction_of
from analysis.stats.intervals import t_factor
from analysis.stats.multiplicity import Correction
from analysis.tables.cells import p_text
from analysis.tables.labels import full_label
from resnet_lab.metrics import TEST_ERROR, Better, metric
from resnet_lab.spec.choices import Value

ALPHA = 0.05


def largest_effects(rows: Sequence[ArmRow], baseline: Mapping[str, Value], name: str = TEST_ERROR) -> list[str]:
    """Return a sentence for each context that has a comparison: its largest difference from the baseline.

    It ends with the least difference that would have been decided, at the spread seen and at the first step of Holm's
    correction: an effect that is large and undecided is no sign of equality.
    """
    contexts = list(dict.fromkeys(tuple(row.context.items()) for row in rows))
    groups = [[row for row in rows if tuple(row.context.items()) == context] for context in contexts]
    return [sentence for group in groups for sentence in _sentence(group, rows, baseline, name)]


def headline(rows: Sequence[ArmRow], baseline: Mapping[str, Value], name: str = TEST_ERROR) -> str:
    """Return the sentence of the one largest difference of all contexts, or that there is none."""
    largest = _largest(rows)
    if largest is None:
        return "No arm can be compared with its baseline."
    return next(_sentence([largest], rows, baseline, name))


def _largest(rows: Sequence[ArmRow]) -> ArmRow | None:
    compared = [row for row in rows if not math.isnan(row.difference)]
    return max(compared, key=lambda row: abs(row.difference), default=None)


def _sentence(
    group: Sequence[ArmRow], rows: Sequence[ArmRow], baseline: Mapping[str, Value], name: str
) -> Iterator[str]:
    row = _largest(group)
    if row is None:
        return
    changed = {field: value for field, value in row.arm.items() if baseline.get(field) != value}
    unit = "points" if metric(name).unit == "%" else metric(name).unit or "units"
    interval = "" if math.isnan(row.difference_low) else f" [{row.difference_low:+.2f}, {row.difference_high:+.2f}]"
    place = f"{full_label(row.context)}: " if row.context else ""
    what = full_label(changed) or full_label(row.arm)
    yield f"{place}{what} {_direction(row, name)}, by {row.difference:+.2f} {unit}{interval}: {_decided(row, rows)}."


def _direction(row: ArmRow, name: str) -> str:
    is_worse = (row.difference > 0) == (metric(name).better == Better.LOWER)
    if row.difference == 0:
        return "is no different"
    return f"{'is' if row.p_corrected < ALPHA else 'seems'} {'worse' if is_worse else 'better'}"


def _decided(row: ArmRow, rows: Sequence[ArmRow]) -> str:
    if math.isnan(row.p):
        return "one pair of seeds, which decides nothing" if row.pairs == 1 else "no test is defined"
    correction, corrected = correction_of(rows), p_text(row.p_corrected)
    p = f"p {corrected} after {correction.label}'s correction"
    if row.p_corrected < ALPHA:
        return f"decided, {p}"
    return f"not decided, {p}{_reach(row, rows)}"


def _reach(row: ArmRow, rows: Sequence[ArmRow]) -> str:
    """Return the least difference that would have been decided, where the test is the paired t test."""
    tested = sum(not math.isnan(each.p) for each in rows)
    half = (row.difference_high - row.difference_low) / 2
    if row.is_unpaired or row.pairs < 2 or not half > 0 or correction_of(rows) != Correction.HOLM:
        return ""
    least = half / t_factor(row.pairs) * t_factor(row.pairs, ALPHA / tested)
    return f"; with its spread, {row.pairs} seeds decide {least:.2f} or more as the first of {tested} comparisons"
