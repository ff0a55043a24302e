"""Footnotes of a study's main table: what its numbers are, and what they cannot show."""

import math
from collections.abc import Mapping, Sequence

from analysis.comparison.arms import ArmRow, correction_of
from analysis.stats.intervals import t_factor
from analysis.stats.multiplicity import Correction
from analysis.tables.cells import difference_unit, heading
from analysis.tables.fault_words import fault_sentence
from analysis.tables.labels import full_label, short_names
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.spec.choices import Value

MAX_LISTED = 5
"""Failures listed at most, unless told otherwise."""


def explain(
    rows: Sequence[ArmRow], baseline: Mapping[str, Value], metric: str = TEST_ERROR, *, listed: int = MAX_LISTED
) -> str:
    """Return unit, interval, test, correction, sensitivity and failures in words, one sentence per line.

    At most `listed` failures are named, the rest are counted.
    """
    if not rows:
        return "No trials."
    parts = [
        fault_sentence(rows),
        _means(rows, metric),
        _differences(rows, baseline, metric),
        _unpaired(rows),
        _repeats(rows),
    ]
    parts += [_diverged(rows), _sensitivity(rows), _undefined(rows)]
    parts.append(_failures(rows, listed))
    return "\n".join(part for part in parts if part)


def _means(rows: Sequence[ArmRow], metric: str) -> str:
    counts = [row.repeats for row in rows if not row.diverged]
    if not counts:
        return ""
    text = f"{heading(metric)}: mean of {_counts(counts, _unit(rows))} an arm [95 % Student-t interval]"
    below = any(row.low < 0 for row in rows)
    return text + ("; with so few seeds an interval can reach below 0." if below else ".")


def _differences(rows: Sequence[ArmRow], baseline: Mapping[str, Value], metric: str) -> str:
    reference = full_label({name: baseline[name] for name in rows[0].arm})
    pairs = [row.pairs for row in rows if row.pairs]
    if not pairs and any(row.is_unpaired for row in rows):
        return (
            f"difference: {difference_unit(metric)} above (+) or below (-) the baseline ({reference}) [95 % interval]."
        )
    if not pairs:
        return f"difference: none, for no arm shares a seed with the baseline ({reference})."
    place = f" of the same {', '.join(short_names(rows[0].context).values())}" if rows[0].context else ""
    text = f"difference: {difference_unit(metric)} above (+) or below (-) the baseline ({reference}){place}, over "
    text += _counts(pairs, _unit(rows))
    tested = _tested(rows)
    if not tested:
        return f"{text} complete in both; one seed allows no interval and no test."
    correction = correction_of(rows)
    rate = " (at most one in twenty of those under 0.05 is expected to be none)" if correction == Correction.BH else ""
    return (
        f"{text} complete in both [95 % paired t interval]; p: two-sided paired t test, {correction.label}-corrected"
        f" over {tested} comparison{'s' if tested > 1 else ''}{rate}."
    )


def _repeats(rows: Sequence[ArmRow]) -> str:
    """Return what a repeat is, where it is no single seed."""
    if _unit(rows) == "seed":
        return ""
    return "repeat: the mean of the seeds that share a train/validation split or a tuning search, and so one sample."


def _unit(rows: Sequence[ArmRow]) -> str:
    """Return what intervals and tests take as independent: a seed, or a repeat of several."""
    return "repeat" if any(row.repeats < row.n + row.diverged for row in rows) else "seed"


def _unpaired(rows: Sequence[ArmRow]) -> str:
    """Return which arms are compared without pairs, where some are."""
    names = [full_label({**row.context, **row.arm}) for row in rows if row.is_unpaired]
    if not names:
        return ""
    ranks = " (rank sums where a seed diverged)" if any(row.is_unpaired and row.withheld for row in rows) else ""
    return (
        f"No seed is shared with the baseline, so that the test is Welch's of unpaired arms{ranks}: {'; '.join(names)}."
    )


def _diverged(rows: Sequence[ArmRow]) -> str:
    """Return what a diverged seed counts as, where there is one."""
    if not any(row.diverged or row.withheld for row in rows):
        return ""
    text = "A diverged seed is an outcome, the worst there is: where an arm has one, its mean and every t interval are"
    text += " withheld, for over the other seeds they would flatter it"
    if not any(row.withheld for row in rows):
        return f"{text}."
    floor = 2.0 ** (1 - max(row.pairs for row in rows if row.withheld))
    return f"{text}; p is then that of the exact signed-rank test with infinity the worst (no less than {floor:.2g})."


def _sensitivity(rows: Sequence[ArmRow]) -> str:
    """Return how large an effect has to be for the table to show it, at its largest number of pairs."""
    tested = _tested(rows)
    pairs = max((row.pairs for row in rows if not row.withheld), default=0)
    if not tested or pairs < 2:
        return ""
    first = ""
    if tested > 1 and correction_of(rows) == Correction.HOLM:
        first = f" ({t_factor(pairs, 0.05 / tested):.1f} times in Holm's first step)"
    return (
        f"With {pairs} pairs, p is under 0.05 only if the mean difference exceeds {t_factor(pairs):.1f} times"
        f" the sd of the differences{first}: a large p is no sign of equality."
    )


def _undefined(rows: Sequence[ArmRow]) -> str:
    if not any(row.pairs > 1 and math.isnan(row.p) for row in rows):
        return ""
    return "p n/a with two pairs or more: every seed gave the same difference, so that t is not defined."


def _failures(rows: Sequence[ArmRow], most: int) -> str:
    diverged = sum(row.diverged for row in rows)
    failed, missing = sum(row.failed for row in rows) - diverged, sum(row.missing for row in rows)
    failures = [f"{full_label({**row.context, **row.arm})}, {why}" for row in rows for why in row.reasons]
    parts = []
    total = sum(row.n + row.failed + row.missing for row in rows)
    if diverged:
        parts.append(f"{diverged} of {total} trials diverged")
    if failed:
        parts.append(f"{failed} of {total} trials failed" + (" otherwise and are missing" if diverged else ""))
    if missing:
        parts.append(f"{missing} {'has' if missing == 1 else 'have'} not ended")
    if not parts:
        return ""
    more = f"; and {len(failures) - most} more" if len(failures) > most else ""
    listed = f": {'; '.join(failures[:most])}{more}" if failures and most else ""
    return f"{', '.join(parts[:-1])}{' and ' if parts[1:] else ''}{parts[-1]}; no mean counts them{listed}."


def _tested(rows: Sequence[ArmRow]) -> int:
    return sum(not math.isnan(row.p) for row in rows)


def _counts(numbers: Sequence[int], unit: str) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low} to {high} {unit}s" if low < high else f"{low} {unit}{'s' if low != 1 else ''}"
