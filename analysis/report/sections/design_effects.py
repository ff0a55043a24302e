"""The sections of designs whose arms say more together than each against the baseline."""

from collections.abc import Iterator, Sequence

from analysis.comparison.design_effects import DesignEffect, ladder_steps, main_effects
from analysis.report.data import ReportData
from analysis.report.document import Block, Table, Text
from analysis.tables.cells import changes, context_breaks, estimate, p_text
from analysis.tables.labels import short_names

FRACTIONS = ("fractional", "plackett_burman")


def steps(facts: ReportData) -> Iterator[Block]:
    """Yield what each step of a ladder changes; nothing for other designs."""
    found = ladder_steps(facts.runs, facts.rows, facts.plan.arm) if facts.plan.design == "ladder" else []
    if found:
        caption = "Each step of the ladder: the arm after it minus the arm before, seed by seed."
        yield _table(facts, found, caption, held=True)
        yield Text(
            "from: what the arm before the step has changed already. A step is told for this place in the order:"
            " climbed in another (--orders), a switch may buy something else. p t uncorrected; p Holm over all steps.",
            note=True,
        )


def screening(facts: ReportData) -> Iterator[Block]:
    """Yield the main effects of a two-level fraction; nothing for other designs."""
    fraction = facts.plan.design in FRACTIONS
    found = main_effects(facts.runs, facts.rows, facts.plan.arm) if fraction else []
    if found:
        caption = "Main effects: mean of all arms with the second level minus that with the first."
        yield _table(facts, found, caption, held=False)
        yield Text(
            "Over the seeds complete in every arm; t interval and test over the seeds. An effect holds those it is"
            " aliased with (see Design and audit). p t uncorrected; p Holm over all effects.",
            note=True,
        )


def _table(facts: ReportData, found: Sequence[DesignEffect], caption: str, *, held: bool) -> Table:
    return Table(
        caption=f"{caption} Points of test error.",
        headers=[
            *short_names(facts.context).values(),
            *(["from"] if held else []),
            *("switch", "seeds", "difference [95 %]", "p t", "p Holm"),
        ],
        rows=[_row(facts, each, held=held) for each in found],
        left=len(facts.context) + 1 + held,
        breaks=context_breaks([each.context for each in found]),
    )


def _row(facts: ReportData, each: DesignEffect, *, held: bool) -> list[str]:
    before = {name: each.rest.get(name, each.before) for name in facts.arm}
    limits = each.difference
    return [
        *map(str, each.context.values()),
        *([changes(before, facts.baseline)] if held else []),
        f"{short_names(facts.arm)[each.switch]}: {each.before} to {each.after}",
        str(each.n),
        estimate("+.2f", limits.mean, limits.low, limits.high),
        p_text(each.p),
        p_text(each.p_holm),
    ]
