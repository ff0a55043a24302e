"""The first sections: what came out, in sentences, and what was asked."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from analysis.comparison.arms import ArmRow
from analysis.comparison.compare import ALPHA, POWER, Comparison, sensitivity
from analysis.report.data import ReportData
from analysis.report.document import Block, Text
from analysis.report.sections.equivalence import equivalent_arms
from analysis.report.sections.published import verdicts
from analysis.tables.cells import changes, estimate
from analysis.tables.labels import full_label
from resnet_lab.spec.choices import Value

SHOWN = 6
"""So many differences are spelt out in the summary."""


def summary(facts: ReportData) -> Iterator[Block]:
    """Yield what came out: trials, differences that hold, and what the others mean."""
    done = sum(row.n for row in facts.rows)
    failed, missing = sum(row.failed for row in facts.rows), sum(row.missing for row in facts.rows)
    rest = [f"{count} {word}" for count, word in ((failed, "failed"), (missing, "not ended")) if count]
    text = f"{done} of {len(facts.runs)} trials complete" + (f", {', '.join(rest)}" if rest else "") + "."
    yield Text(f"{text} {_decided(facts)}".strip())
    if alike := equivalent_arms(facts.comparisons, facts.margin):
        yield Text(alike)
    if any(section.name == "sequential" for section in facts.plan.sections):
        yield Text("Seeds were added until decided. The p values above know nothing of these looks: see Sequential.")
    if facts.comparisons:
        yield Text(found_with(facts.comparisons))
    judged = [verdict for _, verdict in verdicts(facts)]
    if judged:
        counts = Counter(verdict.name for verdict in judged)
        told = ", ".join(f"{name} ({count})" for name, count in counts.items())
        notes = " Not counted: what is noted of the training images." if any(each.noted for each in judged) else ""
        yield Text(f"Verdicts on the published figures of these networks: {told}.{notes}")


def _decided(facts: ReportData) -> str:
    rows = [each.row for each in facts.comparisons if not math.isnan(each.row.p_holm)]
    if not rows:
        return "No arm shares two seeds with its baseline, so nothing is tested."
    sure = [row for row in rows if row.p_holm < ALPHA]
    total = f"{len(rows)} comparison{'s' if len(rows) > 1 else ''}"
    if not sure:
        return f"Of {total} with the baseline, none differs at 5 % after Holm's correction."
    told = "; ".join(_difference(row, facts.baseline) for row in sure[:SHOWN]) + (
        "; and others" if len(sure) > SHOWN else ""
    )
    verb = "differs" if len(sure) == 1 else "differ"
    return f"Of {total} with the baseline, {len(sure)} {verb} at 5 % after Holm's correction: {told}."


def _difference(row: ArmRow, baseline: Mapping[str, Value]) -> str:
    place = f"{full_label(row.context)}, " if row.context else ""
    arm = " ".join(changes(row.arm, baseline).split("\n"))
    numbers = estimate("+.2f", row.difference, row.difference_low, row.difference_high)
    return f"{place}{arm}: {numbers} points"


def found_with(comparisons: Sequence[Comparison]) -> str:
    """Return what so many seeds could have found, in a sentence or two."""
    reached = sensitivity(comparisons)
    if reached is None:
        return "With fewer than two pairs, or pairs that all differ alike, nothing can be said of what was detectable."
    spread = f" (the median; {reached.least:.2f} to {reached.most:.2f} by arm)" if reached.comparisons > 1 else ""
    return (
        f"What this n could have found: with {reached.pairs} pairs and the spread seen, a difference of"
        f" {reached.typical:.2f} points{spread} is found with a chance of {100 * POWER:.0f} % at an uncorrected"
        f" {100 * ALPHA:.0f} %. A smaller one may be there unseen: no difference found is not equality. The spread"
        f" itself is uncertain: the true sd may be {reached.sd_low:.2f} to {reached.sd_high:.1f} times the one seen."
    )
