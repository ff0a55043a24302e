"""Section `Design and audit`: question, factors, seeds, and the networks as built."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.report.data import ReportData
from analysis.report.document import Block, Items, Table, Text
from analysis.results.plan_record import PlanRecord
from analysis.tables import audit_words
from analysis.tables.fault_words import fault_sentence
from analysis.tables.labels import full_label, short_names
from resnet_lab.spec.at_test import words_at_test
from resnet_lab.spec.choices import Value
from resnet_lab.spec.recipes import recipe_lines


def design(data: ReportData) -> Iterator[Block]:
    """Yield the question, factors with levels, seeds, scale, what is not run, aliases and the audit."""
    plan = data.plan
    yield Items(
        [
            ("Question", plan.question),
            ("Study, scale, data", f"{plan.study}, {plan.scale}, {plan.dataset}"),
            *((("Design", plan.design),) if plan.design else ()),
            ("Factors", "\n".join(map(_levels, plan.arm.items()))),
            *((("Crossed with", "\n".join(map(_levels, plan.context.items()))),) if plan.context else ()),
            ("Baseline", full_label(data.baseline)),
            *((("Not correct", faulty),) if (faulty := fault_sentence(data.rows)) else ()),
            *((("Goes with a level", goes_with),) if (goes_with := "\n".join(map(_implied, plan.implies))) else ()),
            ("Seeds", f"{', '.join(map(str, plan.seeds))} ({_unit(plan)})"),
            *((("Margin", f"{data.margin:g} points: a smaller difference does not matter"),) if data.margin else ()),
            *((("Recipe", "\n".join(_recipe(plan))),) if plan.recipe else ()),
            *((("At test", at_test),) if (at_test := "\n".join(_at_test(data))) else ()),
            ("Trials", f"{len(data.runs)} in {len(data.rows)} cells"),
        ]
    )
    if plan.aliases:
        yield Text("Effects this design confounds:")
        yield Items([(alias.partition(" = ")[0], "= " + alias.partition(" = ")[2]) for alias in plan.aliases])
    yield from _audit(data)


def _unit(plan: PlanRecord) -> str:
    """Return what seeds have in common, and what intervals and tests take as independent."""
    counts = ((plan.splits, "train/validation splits"), (plan.searches, "tuning searches of each arm"))
    dealt = [f"{count} {what}" for count, what in counts if count > 1]
    if not dealt:
        return "the same for every arm; the seed is the unit"
    shares = len({seed % max(plan.splits, plan.searches) for seed in plan.seeds})
    unit = "each with one of its own, so that the seed is the unit"
    if shares < len(plan.seeds):
        unit = f"the mean of those that share one is the unit, of which there are {shares}"
    return f"the same for every arm, dealt over {' and '.join(dealt)}: {unit}"


def _implied(level: Mapping[str, Any]) -> str:
    changes = ", ".join(f"{name}={value}" for name, value in level["changes"].items())
    return f"{level['field']}={level['value']}: {changes}"


def _recipe(plan: PlanRecord) -> list[str]:
    lines = recipe_lines(plan.recipe, (*plan.arm, *plan.context)) if plan.recipe else []
    return [line.removeprefix("recipe ") for line in lines]  # the item is called so


def _levels(factor: tuple[str, Sequence[Value]]) -> str:
    return f"{factor[0]}: {', '.join(map(str, factor[1]))}"


def _at_test(data: ReportData) -> Iterator[str]:
    """Yield what the networks of arms that trained without some blocks are in validation and at test."""
    for row in data.rows:
        spec = data.spec_of(row)
        if spec is not None and (words := words_at_test(spec)):
            yield f"{full_label({**row.context, **row.arm})}: {words}"


def _audit(data: ReportData) -> Iterator[Block]:
    if data.audit is None:
        yield Text("The networks were not audited.")
        return
    left_out = [_left_out(data, cell) for kind in ("refused", "merged") for cell in data.audit.get(kind, ())]
    if left_out:
        yield Items([("Not run", "\n".join(left_out))])
    if texts := audit_words.control_texts(data.audit.get("controls", ()), data.context):
        yield Items([("Controls", "\n".join(texts))])
    differences = data.audit.get("differences", ())
    if not differences:
        equal = audit_words.equal_text(data.audit)
        yield Text(f"Audit: every network was built before anything ran. {equal[0].upper()}{equal[1:]}")
        yield from _unknown(data.audit)
        return
    yield Table(
        caption="Audit: where arms, as built, differ from the baseline of their context besides their names.",
        headers=[*short_names(data.context).values(), "arm", "what", "baseline", "arm has", "change"],
        rows=[_difference(difference) for difference in differences],
        left=len(data.context) + 2,
    )
    yield from _unknown(data.audit)


def _unknown(audit: Mapping[str, Any]) -> Iterator[Block]:
    if audit.get("unknown"):
        yield Text("Not known of these arms' networks, and so not compared:")
        yield Items(
            [
                (full_label({**each["context"], **each["arm"]}), audit_words.unknown_text(each))
                for each in audit["unknown"]
            ]
        )


def _difference(difference: Mapping[str, Any]) -> list[str]:
    place = map(str, difference["context"].values())
    return [*place, full_label(difference["arm"]), *audit_words.cells(difference)]


def _left_out(data: ReportData, cell: Mapping[str, Any]) -> str:
    if "reason" in cell:
        return f"{full_label(cell['fields'])}: {cell['reason']}"
    twin = {name: cell["same_as"][name] for name in data.arm}
    return f"{full_label(cell['fields'])}: the same network as {full_label(twin)}"
