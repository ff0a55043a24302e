"""Sections `Results`, `Comparisons` and `Factorial analysis`: arms, paired comparisons, analysis of variance."""

import itertools
import math
from collections.abc import Iterator, Sequence

from analysis.comparison.anova import Anova, Effect
from analysis.comparison.arms import ArmRow, correction_of
from analysis.comparison.compare import Comparison
from analysis.report.data import ReportData
from analysis.report.document import Block, Files, Table, Text
from analysis.tables.cells import (
    changes,
    context_breaks,
    difference_text,
    field_cells,
    field_headers,
    number_cells,
    number_headers,
    p_text,
)
from analysis.tables.fault_words import faulty_rows
from analysis.tables.footnotes import explain
from analysis.tables.labels import full_label, short_names


def arms(data: ReportData) -> Iterator[Block]:
    """Yield the main table and its notes."""
    rows = data.rows
    fields = field_headers(rows, merged=False)
    yield Table(
        caption="Test error in per cent at the last epoch, read once.",
        headers=[*fields, *number_headers(rows), "sd", "median", "min", "max"],
        rows=[
            [*names, *numbers, *map(_number, (row.sd, row.median, row.minimum, row.maximum))]
            for names, numbers, row in zip(field_cells(rows, merged=False), number_cells(rows), rows, strict=True)
        ],
        left=len(fields),
        strong=frozenset(i for i, row in enumerate(rows) if row.is_baseline),
        breaks=context_breaks([row.context for row in rows]),
        red=faulty_rows(rows),
    )
    yield Files("This table", ("table.csv", "table.tex", "table.md", "table.json"))
    yield Text(explain(rows, data.baseline), note=True)


def _number(value: float, form: str = ".2f") -> str:
    return "n/a" if math.isnan(value) else "inf" if math.isinf(value) else format(value, form)


def comparisons(data: ReportData) -> Iterator[Block]:
    """Yield the tables of paired and of unpaired comparisons, and what each of their columns is."""
    yield from _paired(data)
    yield from _unpaired(data)


def _unpaired(data: ReportData) -> Iterator[Block]:
    """Yield the arms that share no seed with their baseline, by Welch's test."""
    rows = [row for row in data.rows if row.is_unpaired]
    if not rows:
        return
    bases = [next(each for each in data.rows if each.is_baseline and each.context == row.context) for row in rows]
    yield Table(
        caption="Arms that share no seed with the baseline of their context, unpaired, in points of test error.",
        headers=[
            *short_names(data.context).values(),
            *("arm", "seeds", "baseline's", "difference [95 %]", "p Welch", correction_of(data.rows).column),
        ],
        rows=[
            [
                *map(str, row.context.values()),
                changes(row.arm, data.baseline),
                *map(str, (row.repeats, base.repeats)),
                difference_text(row),
                p_text(row.p),
                p_text(row.p_corrected),
            ]
            for row, base in zip(rows, bases, strict=True)
        ],
        left=len(data.context) + 1,
        breaks=context_breaks([row.context for row in rows]),
        red=faulty_rows(rows),
    )
    yield Text(
        "p Welch: two-sided t test of unequal variances (Welch 1947), uncorrected; exact rank sums where a seed"
        f" diverged. {correction_of(data.rows).column}: corrected with the paired comparisons.",
        note=True,
    )


def _paired(data: ReportData) -> Iterator[Block]:
    tested = data.comparisons
    if not tested:
        return
    ranked = any(each.wilcoxon for each in tested)
    tests = ["p t", correction_of(data.rows).column, "p flip", *(["p Wilcoxon"] if ranked else [])]
    headers = ["pairs", "difference [95 %]", "sd", *tests]
    yield Table(
        caption="Each arm against the baseline of its context, seed by seed, in points of test error.",
        headers=[*short_names(data.context).values(), "arm", *headers, "g_z", "gain", "detectable", "with Holm"],
        rows=[_comparison(data, each, ranked) for each in tested],
        left=len(data.context) + 1,
        breaks=context_breaks([each.row.context for each in tested]),
        red=faulty_rows([each.row for each in tested]),
    )
    yield Text(_legend(tested, data.rows), note=True)


def _comparison(data: ReportData, each: Comparison, ranked: bool) -> list[str]:
    row, ranks = each.row, each.wilcoxon
    return [
        *map(str, row.context.values()),
        changes(row.arm, data.baseline),
        str(row.pairs),
        difference_text(row),
        _number(each.sd),
        p_text(row.p),
        p_text(row.p_corrected),
        p_text(each.p_sign_flip),
        *([p_text(ranks.p) if ranks else "n/a"] if ranked else []),
        _number(each.gz, "+.2f"),
        _number(each.pairing_gain, ".1f"),
        _number(each.detectable),
        _number(each.detectable_holm),
    ]


def _legend(tested: Sequence[Comparison], rows: Sequence[ArmRow]) -> str:
    floors = [each.floor_sign_flip for each in tested if not math.isnan(each.floor_sign_flip)]
    floor = f"; it cannot be under {min(floors):.2g} with this number of pairs" if floors else ""
    ranks = [each.wilcoxon.floor for each in tested if each.wilcoxon]
    family, column = sum(not math.isnan(row.p) for row in rows), correction_of(rows).column
    return "\n".join(
        [
            f"sd: of the paired differences. p t: two-sided paired t test, uncorrected; {column}: corrected over all.",
            f"p flip: exact sign-flip permutation test, uncorrected{floor}.",
            *([f"p Wilcoxon: signed ranks, uncorrected, never under {min(ranks):.2g} here."] if ranks else []),
            "g_z: mean difference over the sd of the differences, freed of its bias at few pairs (Hedges 1981)."
            " gain: how many times the seeds an unpaired"
            " comparison would need.",
            "detectable: the least difference that the paired t test finds with a chance of 80 % at 5 % uncorrected, by"
            f" the sd of that row. with Holm: the same at the first step of his correction, 5 % / {max(family, 1)}.",
        ]
    )


def variance(data: ReportData) -> Iterator[Block]:
    """Yield a table for each context whose factors are fully crossed."""
    yield from _withheld(data)
    for table in data.tables:
        place = f" at {full_label(table.context)}" if table.context else ""
        yield Table(
            caption=f"Analysis of variance{place}: {table.seeds} seeds as blocks.",
            headers=["effect", "sum of squares", "df", "F", "p", "partial eta squared"],
            rows=[*(_effect(data, each) for each in table.effects), *_rest(table)],
            left=1,
            breaks=frozenset({len(table.effects)}),
        )
        if table.left_out:
            seeds = "1 seed is" if table.left_out == 1 else f"{table.left_out} seeds are"
            yield Text(f"{seeds} left out: not complete in every cell.", note=True)
    if data.tables:
        yield Text(
            "p uncorrected. The test takes the arms' spreads as equal: where one arm's is many times another's, trust"
            " the paired comparisons.",
            note=True,
        )


def _withheld(data: ReportData) -> Iterator[Block]:
    """Yield, for a factorial, the contexts without a table because seeds diverged there."""
    if sum(len(levels) > 1 for levels in data.plan.arm.values()) < 2:
        return
    for context, rows in itertools.groupby(data.rows, key=lambda row: row.context):
        diverged, seeds = map(sum, zip(*((row.diverged, row.n + row.diverged) for row in rows), strict=True))
        if diverged:
            place = f" at {full_label(context)}" if context else ""
            yield Text(f"Analysis of variance{place}: withheld, {diverged} of {seeds} trials diverged.")


def _effect(data: ReportData, effect: Effect) -> list[str]:
    short = short_names(data.factors)
    name = " x ".join(short[factor] for factor in effect.factors)
    numbers = [_number(effect.f), p_text(effect.p), _number(effect.partial_eta_squared)]
    return [name, _number(effect.sum_of_squares), str(effect.df), *numbers]


def _rest(table: Anova) -> list[list[str]]:
    return [
        ["seed (block)", _number(table.block_sum_of_squares), str(table.seeds - 1), "", "", ""],
        ["error", _number(table.error_sum_of_squares), str(table.error_df), "", "", ""],
    ]
