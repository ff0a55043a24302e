"""Section `Design and audit`: what was asked, of which networks, and what they are as built."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.report.data import ReportData
from analysis.report.document import Block, Items, Table, Text
from analysis.tables.labels import full_label, short_names
from resnet_lab.spec.choices import Value


def design(facts: ReportData) -> Iterator[Block]:
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


def _audit(facts: ReportData) -> Iterator[Block]:
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


def _left_out(facts: ReportData, cell: Mapping[str, Any]) -> str:
    if "reason" in cell:
        return f"{full_label(cell['fields'])}: {cell['reason']}"
    twin = {name: cell["same_as"][name] for name in facts.arm}
    return f"{full_label(cell['fields'])}: the same network as {full_label(twin)}"
