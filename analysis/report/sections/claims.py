"""Section `Claims`: what the study says of its arms, and what its trials answer."""

from collections.abc import Iterator

from analysis.comparison.claims import Answered
from analysis.report.data import ReportData
from analysis.report.document import Block, Table, Text
from analysis.tables.cells import estimate, p_text
from analysis.tables.claim_words import rule, statement, takes


def claims(data: ReportData) -> Iterator[Block]:
    """Yield a row for each claim with its answer and what that rests on; nothing for a study without claims."""
    if data.plan.claims and data.is_sequential:
        yield Text("Seeds were added until decided: the claims, which are tested once, are not answered here.")
        return
    if not data.claims:
        return
    yield Table(
        caption="The study's claims, and what its trials answer.",
        headers=["claim", "answer", "an answer takes", "seeds", "difference [90 %]", "p held", "p refuted"],
        rows=[_row(each) for each in data.claims],
        left=3,
    )
    yield Text(
        f"{rule(len(data.claims))} p held: against the claim being false; p refuted: against its being true. What"
        " neither decides is underpowered; the seeds that an answer takes suppose the difference and the spread seen,"
        " and the first step of Holm's correction.",
        note=True,
    )


def _row(each: Answered) -> list[str]:
    limits = each.interval
    difference = estimate("+.2f", limits.mean, limits.low, limits.high)
    numbers = each.remark if difference == "n/a" else difference
    count = f"{each.n} {'pairs' if each.is_paired else 'unpaired'}"
    return [
        statement(each.claim),
        each.answer.value,
        takes(each),
        count,
        numbers,
        p_text(each.p_held),
        p_text(each.p_refuted),
    ]
