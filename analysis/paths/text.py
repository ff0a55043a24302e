"""Table and notes of a path spectrum, at most 80 columns wide."""

from collections.abc import Sequence
from typing import Any

from rich.box import HORIZONTALS
from rich.table import Table
from rich.text import Text

from analysis.paths.rows import PathReport, Row, rows, summary

MAX_LISTED = 40
"""Lengths listed at most; of a deeper net those that carry least are in the CSV only."""
PLACES = {"image": "the normalised image", "stem": "the stem's output"}
STATISTICS = {"eval": "running statistics", "train": "the batch's statistics"}


def table(report: PathReport) -> Table:
    """Return the table, the lengths that carry the spectrum in bold."""
    rich_table = Table(
        title=Text(f"{report.name}: gradient by path length"),
        title_justify="left",
        box=HORIZONTALS,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in ("length", "paths", "norm ratio", "Monte Carlo", "95 % interval", "draws", "ratio"):
        rich_table.add_column(name, justify="right", no_wrap=True)
    effective = report.effective
    for row in _listed(rows(report)):
        bold = effective.low <= row["length"] <= effective.high
        rich_table.add_row(*_cells(row), style="bold" if bold else None)
    return rich_table


def notes(report: PathReport) -> list[str]:
    """Return what the table shows, how it was measured and what it cannot say, one line each."""
    totals, n, conventions = summary(report), report.blocks, report.conventions
    left = ", ".join(f"{deleted}: {_percent(share)}" for deleted, share in totals["effective_left"].items())
    hidden = n + 1 - len(_listed(rows(report)))
    return [
        f"{n} blocks, 2^{n} paths of mean length {totals['mean_length']:g}; {_percent(totals['central_share'])} "
        f"of them have {totals['central_low']} to {totals['central_high']} blocks.",
        f"The spectrum peaks at length {report.peak}; lengths {totals['effective_low']} to {totals['effective_high']} "
        "(bold) are the fewest in a row that carry 95 % of the sum of ||G_k||: "
        f"{_percent(totals['effective_paths'])} of all paths.",
        f"Left of these after d deletions: {left}.",
        f"Sum identity: ||sum G_k - G|| / ||G|| = {totals['residual']:.1e}, with G from one plain backward pass.",
        "norm ratio: ||G_k|| / ||G||, exact over all paths of a length. Monte Carlo: their number times the mean norm "
        f"of single ones drawn at random, over ||G||, with an {conventions.interval}, for single norms are skewed "
        "(none where all were taken). "
        "ratio: the first over the second; 1 if paths agree, near 0 if they cancel.",
        f"Conventions: gradient of the mean cross-entropy at {PLACES[conventions.at]}, first {conventions.images} "
        f"test images of {conventions.dataset}, Frobenius norm over the batch, {conventions.precision}; norms with "
        f"{STATISTICS[conventions.bn]}; the activations are those of the whole net's forward pass; a "
        "projection counts as skip.",
        *([f"{hidden} lengths that carry least are in the CSV only."] if hidden else []),
    ]


def _listed(every: Sequence[Row]) -> list[Row]:
    listed = sorted(every, key=lambda row: -float(row["norm_ratio"]))[:MAX_LISTED]
    return sorted(listed, key=lambda row: int(row["length"]))


def _cells(row: Row) -> list[str]:
    interval = "" if row["complete"] or row["low"] is None else f"{_short(row['low'])} to {_short(row['high'])}"
    return [
        str(row["length"]),
        _count(row["count"]),
        _short(row["norm_ratio"]),
        _short(row["monte_carlo"]),
        interval,
        "all" if row["complete"] else str(row["draws"]),
        _short(row["ratio"]),
    ]


def _count(count: int) -> str:
    if count < 10**7:
        return f"{count:,}"
    digits = str(count)  # no float holds a count of a net of 1,100 blocks
    return f"{digits[0]}.{digits[1]}e{len(digits) - 1}"


def _short(value: Any) -> str:
    return "n/a" if value is None else f"{value:.3g}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
