"""The first sections: what came out, in sentences, and what was asked."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.arms import ArmRow
from analysis.cells import changes, estimate
from analysis.compare import ALPHA, POWER, Comparison, reach
from analysis.labels import full_label, short_names
from analysis.report.document import Block, Items, Table, Text
from analysis.report.equivalence import equivalent_arms
from analysis.report.facts import Facts
from analysis.report.verdicts import verdicts
from resnet_lab.fields import Value

SHOWN = 6
"""So many differences are spelt out in the summary."""


def summary(facts: Facts) -> Iterator[Block]:
    """Yield what came out: trials, differences that hold, and what the others mean."""
    done = sum(row.n for row in facts.rows)
    failed, missing = sum(row.failed for row in facts.rows), sum(row.missing for row in facts.rows)
    rest = [f"{count} {word}" for count, word in ((failed, "failed"), (missing, "not ended")) if count]
    text = f"{done} of {len(facts.runs)} trials complete" + (f", {', '.join(rest)}" if rest else "") + "."
    yield Text(f"{text} {_decided(facts)}".strip())
    if alike := equivalent_arms(facts.comparisons, facts.margin):
        yield Text(alike)
    if any(section["name"] == "sequential" for section in facts.plan.get("sections", ())):
        yield Text("Seeds were added until decided. The p values above know nothing of these looks: see Sequential.")
    if facts.comparisons:
        yield Text(found_with(facts.comparisons))
    judged = [verdict for _, verdict in verdicts(facts)]
    if judged:
        counts = Counter(verdict.name for verdict in judged)
        told = ", ".join(f"{name} ({count})" for name, count in counts.items())
        notes = " Not counted: what is noted of the training images." if any(each.noted for each in judged) else ""
        yield Text(f"Verdicts on the published figures of these networks: {told}.{notes}")


def _decided(facts: Facts) -> str:
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
    reached = reach(comparisons)
    if reached is None:
        return "With fewer than two pairs, or pairs that all differ alike, nothing can be said of what was detectable."
    spread = f" (the median; {reached.least:.2f} to {reached.most:.2f} by arm)" if reached.comparisons > 1 else ""
    return (
        f"What this n could have found: with {reached.pairs} pairs and the spread seen, a difference of"
        f" {reached.typical:.2f} points{spread} is found with a chance of {100 * POWER:.0f} % at an uncorrected"
        f" {100 * ALPHA:.0f} %. A smaller one may be there unseen: no difference found is not equality. The spread"
        f" itself is uncertain: the true sd may be {reached.sd_low:.2f} to {reached.sd_high:.1f} times the one seen."
    )


def design(facts: Facts) -> Iterator[Block]:
    """Yield the question, factors with levels, seeds, scale, what is not run, aliases and the audit."""
    plan = facts.plan
    yield Items(
        [
            ("Question", str(plan["question"])),
            ("Study, scale, data", f"{plan['study']}, {plan['scale']}, {plan['dataset']}"),
            *((("Design", str(plan["design"])),) if plan.get("design") else ()),
            ("Factors", "\n".join(map(_levels, plan["arm"].items()))),
            *((("Crossed with", "\n".join(map(_levels, plan["context"].items()))),) if plan["context"] else ()),
            ("Baseline", full_label(facts.baseline)),
            *(
                (("Goes with a level", goes_with),)
                if (goes_with := "\n".join(map(_implied, plan.get("implies", ()))))
                else ()
            ),
            ("Seeds", f"{', '.join(map(str, plan['seeds']))} (the same for every arm; the seed is the unit)"),
            *((("Margin", f"{facts.margin:g} points: a smaller difference does not matter"),) if facts.margin else ()),
            ("Trials", f"{len(facts.runs)} in {len(facts.rows)} cells"),
        ]
    )
    if plan.get("aliases"):
        yield Text("Effects this design cannot tell apart:")
        yield Items([(alias.partition(" = ")[0], "= " + alias.partition(" = ")[2]) for alias in plan["aliases"]])
    yield from _audit(facts)


def _implied(level: Mapping[str, Any]) -> str:
    changes = ", ".join(f"{name}={value}" for name, value in level["changes"].items())
    return f"{level['field']}={level['value']}: {changes}"


def _levels(factor: tuple[str, Sequence[Value]]) -> str:
    return f"{factor[0]}: {', '.join(map(str, factor[1]))}"


def _audit(facts: Facts) -> Iterator[Block]:
    if facts.audit is None:
        yield Text("The networks were not audited.")
        return
    left_out = [_left_out(facts, cell) for kind in ("refused", "merged") for cell in facts.audit.get(kind, ())]
    if left_out:
        yield Items([("Not run", "\n".join(left_out))])
    differences = facts.audit.get("differences", ())
    if not differences:
        yield Text(
            "Audit: every network was built before anything ran. The arms of a context have equal parameters, FLOPs,"
            " depth, residual blocks, final norm and final activation."
        )
        return
    yield Table(
        caption="Audit: where arms, as built, differ from the baseline of their context beside their names.",
        headers=[*short_names(facts.context).values(), "arm", "what", "baseline", "arm has", "change"],
        rows=[_audit_row(each) for each in differences],
        left=len(facts.context) + 2,
    )


def _audit_row(difference: Mapping[str, Any]) -> list[str]:
    first, found = difference["baseline"], difference["found"]
    yes_or_no = str(difference["what"]).startswith("final_")
    numbers = [("yes" if each else "no") if yes_or_no else f"{each:,}" for each in (first, found)]
    share = 0.0 if yes_or_no or not first else 100 * (found / first - 1)
    change = "" if yes_or_no or not first else f"{share:+.1f} %" if abs(share) >= 0.1 else f"{share:+.1g} %"
    what = str(difference["what"]).replace("_", " ").replace("flops", "FLOPs")
    return [*map(str, difference["context"].values()), full_label(difference["arm"]), what, *numbers, change]


def _left_out(facts: Facts, cell: Mapping[str, Any]) -> str:
    if "reason" in cell:
        return f"{full_label(cell['fields'])}: {cell['reason']}"
    twin = {name: cell["same_as"][name] for name in facts.arm}
    return f"{full_label(cell['fields'])}: the same network as {full_label(twin)}"
