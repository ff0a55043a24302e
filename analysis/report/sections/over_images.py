"""Part of section `Results`: intervals over seeds and test images next to those over seeds alone."""

from collections.abc import Iterator, Mapping, Sequence

from analysis.comparison.two_way import OverImages
from analysis.report.data import ReportData
from analysis.report.document import Block, Table, Text
from analysis.report.exports import csv_text
from analysis.stats.two_way import TwoWay
from analysis.tables.cells import context_breaks, estimate, field_cells, field_headers
from analysis.tables.fault_words import faulty_rows
from analysis.tables.labels import full_label


def over_images(data: ReportData) -> Iterator[Block]:
    """Yield the table of both intervals, and what the second holds; why it is withheld, where it is."""
    arms = data.over_images
    known = [each for each in arms if each.error]
    if known:
        rows = [each.row for each in known]
        fields = field_headers(rows, merged=False)
        yield Table(
            caption="The same means, with the test images as a sample as well.",
            headers=[
                *fields,
                "images",
                "error % [seeds]",
                "[seeds x images]",
                "difference [seeds]",
                "[seeds x images]",
            ],
            rows=[
                [*names, *_numbers(each)] for names, each in zip(field_cells(rows, merged=False), known, strict=True)
            ],
            left=len(fields),
            strong=frozenset(i for i, row in enumerate(rows) if row.is_baseline),
            breaks=context_breaks([row.context for row in rows]),
            red=faulty_rows(rows),
        )
        yield Text(
            "[seeds]: 95 % interval over seeds on exactly these test images, as in the table above. [seeds x images]:"
            " 95 % interval over seeds and test images, for other seeds and other images of the same kind (two-way"
            " bootstrap, Owen 2007, in closed form), never the narrower of the two. Tests and verdicts use the first.",
            note=True,
        )
    if withheld := _withheld(arms):
        yield Text(withheld, note=True)


def _numbers(each: OverImages) -> list[str]:
    row = each.row
    against = (
        "baseline" if row.is_baseline else estimate("+.2f", row.difference, row.difference_low, row.difference_high)
    )
    own = [str(each.images), estimate(".2f", row.mean, row.low, row.high), _limits(each.error)]
    return [*own, against, "" if row.is_baseline else _limits(each.difference)]


def _limits(found: TwoWay | None) -> str:
    return f"[{found.interval.low:.2f}, {found.interval.high:.2f}]" if found else "n/a"


def _withheld(arms: Sequence[OverImages]) -> str:
    """Return why arms have no interval over seeds and images, reason by reason."""
    reasons: dict[str, list[str]] = {}
    for each in arms:
        if each.reason:
            reasons.setdefault(each.reason, []).append(full_label({**each.row.context, **each.row.arm}))
    lines = [f"{'every arm' if len(names) == len(arms) else '; '.join(names)}: {why}" for why, names in reasons.items()]
    return "No interval over seeds and test images. " + ". ".join(lines) + "." if lines else ""


def two_way_csv(arms: Sequence[OverImages]) -> str:
    """Return every arm with both standard errors and limits; empty where they are withheld."""
    return csv_text([_line(each) for each in arms])


def _line(each: OverImages) -> Mapping[str, object]:
    values: dict[str, object] = {**each.row.context, **each.row.arm, "images": each.images}
    for name, found in (("error", each.error), ("difference", each.difference)):
        values |= {
            name: found.interval.mean if found else None,
            f"{name}_low": found.interval.low if found else None,
            f"{name}_high": found.interval.high if found else None,
            f"{name}_se_seeds": found.rows_se if found else None,
            f"{name}_se_images": found.columns_se if found else None,
        }
    return {**values, "withheld": each.reason}
