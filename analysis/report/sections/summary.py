"""Section `Summary`: trials, differences that hold, sensitivity and verdicts, in words."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from analysis.comparison.arms import ArmRow, correction_of
from analysis.comparison.compare import ALPHA, POWER, Comparison, Sensitivity, sensitivity
from analysis.report.data import ReportData
from analysis.report.document import Block, Text
from analysis.report.sections.equivalence import equivalent_arms
from analysis.report.sections.published import verdicts
from analysis.tables.cells import changes, estimate
from analysis.tables.effect_words import largest_effects
from analysis.tables.fault_words import fault_sentence
from analysis.tables.labels import full_label
from resnet_lab.spec.choices import Value

MAX_LISTED = 6
"""Differences, and contexts with their largest one, listed at most."""


def summary(data: ReportData) -> Iterator[Block]:
    """Yield what came out: trials, differences that hold, and what the others mean."""
    if faulty := fault_sentence(data.rows):
        yield Text(faulty, red=True)
    done = sum(row.n for row in data.rows)
    failed, missing = sum(row.failed for row in data.rows), sum(row.missing for row in data.rows)
    diverged = sum(row.diverged for row in data.rows)
    counted = ((diverged, "diverged"), (failed - diverged, "failed"), (missing, "not ended"))
    rest = [f"{count} {word}" for count, word in counted if count]
    text = f"{done} of {len(data.runs)} trials complete" + (f", {', '.join(rest)}" if rest else "") + "."
    yield Text(f"{text} {_decided(data)}".strip())
    for sentence in largest_effects(data.rows, data.baseline)[:MAX_LISTED]:
        yield Text(sentence)
    if alike := equivalent_arms(data.comparisons, data.margin):
        yield Text(alike)
    if data.is_sequential:
        yield Text("Seeds were added until decided. The p values above do not account for these looks: see Sequential.")
    if data.comparisons:
        yield Text(found_with(data.comparisons))
    judged = [verdict for _, verdict in verdicts(data)]
    if judged:
        counts = Counter(verdict.name for verdict in judged)
        listed = ", ".join(f"{name} ({count})" for name, count in counts.items())
        notes = " Not counted: parts of the protocols that are stated nowhere." if any(v.noted for v in judged) else ""
        yield Text(f"Verdicts on the published figures of these networks: {listed}.{notes}")


def _decided(data: ReportData) -> str:
    rows = [row for row in data.rows if not math.isnan(row.p_corrected)]
    if not rows:
        return "No arm shares two seeds with its baseline, so nothing is tested."
    sure = [row for row in rows if row.p_corrected < ALPHA]
    correction = f"{correction_of(rows).label}'s correction"
    total = f"{len(rows)} comparison{'s' if len(rows) > 1 else ''}"
    if not sure:
        return (
            f"Of {total} with the baseline, none is decided at 5 % after {correction}; the largest difference in each"
            " context follows."
        )
    listed = "; ".join(_difference(row, data.baseline) for row in sure[:MAX_LISTED]) + (
        "; and others" if len(sure) > MAX_LISTED else ""
    )
    verb = "differs" if len(sure) == 1 else "differ"
    return f"Of {total} with the baseline, {len(sure)} {verb} at 5 % after {correction}: {listed}."


def _difference(row: ArmRow, baseline: Mapping[str, Value]) -> str:
    place = f"{full_label(row.context)}, " if row.context else ""
    arm = " ".join(changes(row.arm, baseline).split("\n"))
    if row.withheld:
        return f"{place}{arm}: {'worse' if row.direction > 0 else 'better'} by signed ranks ({row.withheld})"
    numbers = estimate("+.2f", row.difference, row.difference_low, row.difference_high)
    return f"{place}{arm}: {numbers} points"


def found_with(comparisons: Sequence[Comparison]) -> str:
    """Return what this number of seeds could have detected, in words."""
    sensed = sensitivity(comparisons)
    if sensed is None:
        return "With fewer than two pairs, or pairs that all differ alike, nothing can be said of what was detectable."
    spread = f" (the median; {sensed.least:.2f} to {sensed.most:.2f} by arm)" if sensed.comparisons > 1 else ""
    return (
        f"What this n could have found: with {sensed.pairs} pairs and the spread seen, a difference of"
        f" {sensed.typical:.2f} points{spread} is found with a chance of {100 * POWER:.0f} % at an uncorrected"
        f" {100 * ALPHA:.0f} %{_corrected(sensed)}. A smaller one may be there unseen: no difference found is not"
        " equality. The spread itself is uncertain: the true sd may be"
        f" {sensed.sd_low:.2f} to {sensed.sd_high:.1f} times the one seen."
    )


def _corrected(sensed: Sensitivity) -> str:
    if sensed.comparisons == 1:
        return ""
    return f", one of {sensed.typical_holm:.2f} points at the first step of Holm's correction"
