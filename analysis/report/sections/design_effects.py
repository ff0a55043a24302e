"""Sections `Steps` and `Main effects`: effects of a design beyond each arm against the baseline."""

from collections.abc import Iterator, Sequence

from analysis.comparison.design_effects import DesignEffect, ladder_steps, main_effects
from analysis.report.data import ReportData
from analysis.report.document import Block, Table, Text
from analysis.tables.cells import changes, context_breaks, estimate, p_text
from analysis.tables.labels import short_names

FRACTIONS = ("fractional", "plackett_burman")


def steps(data: ReportData) -> Iterator[Block]:
    """Yield what each step of a ladder changes; nothing for other designs."""
    effects = ladder_steps(data.designed_runs, data.designed_rows, data.factors) if data.plan.design == "ladder" else []
    if effects:
        caption = "Each step of the ladder: the arm after it minus the arm before, seed by seed."
        yield _table(data, effects, caption, held=True)
        yield Text(
            "from: what the arm before the step has changed already. A step is measured at this place in the order:"
            " in another order (--orders), a switch may have another effect. p t uncorrected; p Holm over all steps.",
            note=True,
        )


def screening(data: ReportData) -> Iterator[Block]:
    """Yield the main effects of a two-level fraction; nothing for other designs."""
    fraction = data.plan.design in FRACTIONS
    effects = main_effects(data.designed_runs, data.designed_rows, data.factors) if fraction else []
    if effects:
        caption = "Main effects: mean of all arms with the second level minus that with the first."
        yield _table(data, effects, caption, held=False)
        yield Text(
            "Over the seeds complete in every arm; t interval and test over the seeds. An effect holds those it is"
            " aliased with (see Design and audit). p t uncorrected; p Holm over all effects.",
            note=True,
        )


def _table(data: ReportData, effects: Sequence[DesignEffect], caption: str, *, held: bool) -> Table:
    return Table(
        caption=f"{caption} Points of test error.",
        headers=[
            *short_names(data.context).values(),
            *(["from"] if held else []),
            *("switch", "seeds", "difference [95 %]", "p t", "p Holm"),
        ],
        rows=[_row(data, effect, held=held) for effect in effects],
        left=len(data.context) + 1 + held,
        breaks=context_breaks([effect.context for effect in effects]),
    )


def _row(data: ReportData, effect: DesignEffect, *, held: bool) -> list[str]:
    before = {name: effect.rest.get(name, effect.before) for name in data.factors}
    limits = effect.difference
    return [
        *map(str, effect.context.values()),
        *([changes(before, data.baseline)] if held else []),
        f"{short_names(data.arm)[effect.switch]}: {effect.before} to {effect.after}",
        str(effect.n),
        estimate("+.2f", limits.mean, limits.low, limits.high),
        p_text(effect.p),
        p_text(effect.p_holm),
    ]
