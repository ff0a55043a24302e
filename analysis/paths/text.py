"""The table of a path spectrum and the sentences under it, at most 80 columns wide."""

from collections.abc import Sequence
from typing import Any

from rich.box import HORIZONTALS
from rich.table import Table
from rich.text import Text

from analysis.paths.rows import PathReport, Row, rows, summary

SHOWN = 40
"""So many lengths are listed; of a deeper net those that carry least are left to the CSV."""
PLACES = {"image": "the normalised image", "stem": "the stem's output"}
STATISTICS = {"eval": "running statistics", "train": "the batch's statistics"}


def table(report: PathReport) -> Table:
    """Return the table, the lengths that carry the spectrum in bold."""
    found = Table(
        title=Text(f"{report.name}: gradient by path length"),
        title_justify="left",
        box=HORIZONTALS,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in ("length", "paths", "norm ratio", "Monte Carlo", "95 % interval", "draws", "ratio"):
        found.add_column(name, justify="right", no_wrap=True)
    effective = report.effective
    for row in _shown(rows(report)):
        bold = effective.low <= row["length"] <= effective.high
        found.add_row(*_cells(row), style="bold" if bold else None)
    return found


def sentences(report: PathReport) -> list[str]:
    """Return what the table shows, how it was measured and what it cannot say, a line each."""
    facts, n, used = summary(report), report.blocks, report.conventions
    left = ", ".join(f"{deleted}: {_percent(share)}" for deleted, share in facts["effective_left"].items())
    hidden = n + 1 - len(_shown(rows(report)))
    return [
        f"{n} blocks, 2^{n} paths of mean length {facts['mean_length']:g}; {_percent(facts['central_share'])} of them "
        f"have {facts['central_low']} to {facts['central_high']} blocks.",
        f"The spectrum peaks at length {report.peak}; lengths {facts['effective_low']} to {facts['effective_high']} "
        "(bold) are the fewest in a row that carry 95 % of the sum of ||G_k||: "
        f"{_percent(facts['effective_paths'])} of all paths.",
        f"Left of these after so many deletions: {left}.",
        f"Sum identity: ||sum G_k - G|| / ||G|| = {facts['residual']:.1e}, with G from one plain backward pass.",
        "norm ratio: ||G_k|| / ||G||, exact over all paths of a length. Monte Carlo: their number times the mean norm "
        "of single ones drawn at random, over ||G||, with a 95 % Student-t interval (none where all were taken). "
        "ratio: the first over the second; 1 if paths agree, near 0 if they cancel.",
        f"Conventions: gradient of the mean cross-entropy at {PLACES[used.at]}, first {used.images} test images of "
        f"{used.dataset}, Frobenius norm over the batch, float64; norms with {STATISTICS[used.bn]}; the activations "
        "are those of the whole net's forward pass; a projection counts as skip.",
        *([f"{hidden} lengths that carry least are in the CSV only."] if hidden else []),
    ]


def _shown(every: Sequence[Row]) -> list[Row]:
    kept = sorted(every, key=lambda row: -float(row["norm_ratio"]))[:SHOWN]
    return sorted(kept, key=lambda row: int(row["length"]))


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
