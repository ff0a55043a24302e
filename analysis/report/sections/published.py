"""Section `Published figures`: verdicts on published test errors by our own."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analysis.comparison.arms import ArmRow
from analysis.comparison.published import Published, deviations, figures_for, noted
from analysis.comparison.verdict import MARGIN, Verdict, judge, level, p_value, reported_median
from analysis.report.data import ReportData
from analysis.report.document import Block, Items, Table, Text
from analysis.results.trials import outcomes_by_repeat
from analysis.tables.cells import changes, errors_text
from analysis.tables.fault_words import faulty_rows
from analysis.tables.labels import full_label
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.spec import DatasetName

Note = tuple[str, tuple[str, ...]]
_DATA = {
    DatasetName.CIFAR10.value: "CIFAR-10",
    DatasetName.CIFAR100.value: "CIFAR-100",
    DatasetName.MNIST.value: "MNIST",
}
RULE = (
    "limits: where the published statistic should lie, had it come from the distribution of our seeds; Holm's"
    " correction over the verdicts of this page makes them so wide that in 95 of 100 cases none is contradicted"
    f" wrongly. reproduced: it lies inside limits no wider than {MARGIN:g} point either way; contradicted: outside;"
    " underpowered: inside wider limits, or fewer than two seeds; protocol differs: a stated part of the published"
    " protocol is not ours, or too little is stated, and nothing can be said. Parts that are stated nowhere are noted,"
    " are not taken to agree, and decide nothing. A published failure is held against how many of our runs fail,"
    " diverged ones among them, by the sign test (5 %, corrected alike). withheld: seeds of ours diverged, over whose"
    " others the limits would flatter."
)


def verdicts(data: ReportData) -> list[tuple[ArmRow, Verdict]]:
    """Return a verdict for each published figure of each arm's network, Holm-corrected, in the order of the table."""
    held = list(_held(data))
    alpha = level([p_value(each.figure, each.ours) for each in held if not each.deviations])
    return [(each.row, judge(each.figure, each.ours, each.deviations, noted=each.noted, alpha=alpha)) for each in held]


class _Held(NamedTuple):
    """One published figure and what it is held against."""

    row: ArmRow
    figure: Published
    ours: Sequence[float]
    deviations: Sequence[str]
    noted: Sequence[str]


def _held(data: ReportData) -> Iterator[_Held]:
    """Yield each published figure of each arm's network, with our results.

    Arms whose seeds train at what several searches chose have no protocol of their own to hold against one.
    """
    if data.plan.searches > 1:
        return
    for row in data.rows:
        spec = data.spec_of(row)
        runs = data.runs_of(row)
        results = list(outcomes_by_repeat(runs, TEST_ERROR).values())
        if spec is not None:
            for figure in figures_for(spec):
                yield _Held(row, figure, results, deviations(spec, figure), noted(spec, figure))


def published(data: ReportData) -> Iterator[Block]:
    """Yield the table of verdicts, what differs from the published protocols, and the rule."""
    judged = verdicts(data)
    if not judged:
        yield Text("No figure is published for these networks that this project knows of.")
        return
    notes = list(dict.fromkeys(note for _, verdict in judged for note in _notes(verdict)))
    names = " and ".join(dict.fromkeys(_DATA[verdict.published.data] for _, verdict in judged))
    yield Table(
        caption=f"Published test errors ({names}, per cent) and ours.",
        headers=["network", "verdict", "source", "protocol", "published", "ours [95 %]", "n", "limits"],
        rows=[_row(data, row, verdict, notes) for row, verdict in judged],
        left=4,
        breaks=_breaks([row for row, _ in judged]),
        red=faulty_rows([row for row, _ in judged]),
    )
    if notes:
        yield Items([(f"({_letter(i)}) {kind}", ", ".join(parts)) for i, (kind, parts) in enumerate(notes)])
    yield Text(RULE, note=True)


def _notes(verdict: Verdict) -> list[Note]:
    """Return what differs, and what is only noted."""
    notes = [("differs in", verdict.deviations), ("noted, not counted", verdict.noted)]
    return [(kind, parts) for kind, parts in notes if parts]


def _row(data: ReportData, row: ArmRow, verdict: Verdict, notes: Sequence[Note]) -> list[str]:
    source = verdict.published
    mark = "".join(f" ({_letter(notes.index(note))})" for note in _notes(verdict))
    unsaid = bool(verdict.deviations) or math.isnan(verdict.low)
    limits = "n/a" if unsaid else f"{verdict.low:.2f} to {verdict.high:.2f}"
    return [
        "\n".join([*([full_label(row.context)] if row.context else []), changes(row.arm, data.baseline)]),
        f"{verdict.name}{mark}",
        f"{source.source}, {source.table}",
        source.protocol,
        source.text,
        _ours(row, verdict),
        str(verdict.n),
        limits,
    ]


def _ours(row: ArmRow, verdict: Verdict) -> str:
    """Return our figure as the source reports its own: a median of runs with the failures in it, or the mean."""
    if verdict.published.statistic != "median" and not verdict.published.fails:
        return errors_text(row)
    middle = reported_median(verdict)
    return f"median {middle}" + (f" ({errors_text(row)})" if row.diverged else f", mean {errors_text(row)}")


def _letter(index: int) -> str:
    return chr(ord("a") + index) if index < 26 else str(index + 1)


def _breaks(rows: Sequence[ArmRow]) -> frozenset[int]:
    """Return where the verdicts of another arm begin."""
    return frozenset(i for i, row in enumerate(rows) if i and rows[i - 1] is not row)
