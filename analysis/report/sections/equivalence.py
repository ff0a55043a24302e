"""Equivalence of arms with their baseline, for studies that name a margin."""

from collections.abc import Iterator, Sequence

from analysis.comparison.compare import ALPHA, Comparison
from analysis.report.data import ReportData
from analysis.report.document import Block, Table, Text
from analysis.tables.cells import changes, context_breaks, estimate, p_text
from analysis.tables.fault_words import faulty_rows
from analysis.tables.labels import full_label, short_names


def equivalence(data: ReportData) -> Iterator[Block]:
    """Yield a row for each comparison with its 90 % interval and the two one-sided tests; nothing without a margin."""
    tested = [each for each in data.comparisons if each.equivalence]
    if not tested:
        return
    yield Table(
        caption=f"Equivalence with the baseline within {data.margin:g} points either way.",
        headers=[
            *short_names(data.context).values(),
            "arm",
            "result",
            "pairs",
            "difference [90 %]",
            "p TOST",
            "p Holm",
        ],
        rows=[_row(data, each) for each in tested],
        left=len(data.context) + 2,
        breaks=context_breaks([each.row.context for each in tested]),
        red=faulty_rows([each.row for each in tested]),
    )
    yield Text(
        "p TOST: two one-sided paired t tests (Schuirmann 1987) of a difference beyond the margin; p Holm: corrected"
        " over all. equivalent: p Holm under 5 %. not shown: a difference beyond the margin is not"
        " excluded. n/a: fewer than two pairs, or every seed gave the same difference.",
        note=True,
    )


def _row(data: ReportData, each: Comparison) -> list[str]:
    row, within = each.row, each.equivalence
    assert within is not None
    return [
        *map(str, row.context.values()),
        changes(row.arm, data.baseline),
        "equivalent" if is_equivalent(each) else "not shown",
        str(row.pairs),
        row.withheld or estimate("+.2f", row.difference, within.low, within.high),
        p_text(within.p),
        p_text(each.p_tost_holm),
    ]


def is_equivalent(comparison: Comparison) -> bool:
    """Return whether equivalence holds after Holm's correction; an undefined p shows nothing."""
    return comparison.p_tost_holm < ALPHA


def equivalent_arms(comparisons: Sequence[Comparison], margin: float) -> str:
    """Return, as one line, which arms are equivalent to their baseline, or nothing without a margin."""
    tested = [each for each in comparisons if each.equivalence]
    if not tested:
        return ""
    names = [full_label({**each.row.context, **each.row.arm}) for each in tested if is_equivalent(each)]
    listed = "; ".join(names) or "none"
    return f"Equivalent to the baseline within {margin:g} points, after Holm's correction: {listed}."
