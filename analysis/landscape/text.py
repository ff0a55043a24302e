"""Table and notes of a landscape, at most 80 columns wide."""

from typing import Any

from rich.box import HORIZONTALS
from rich.table import Table
from rich.text import Text

from analysis.landscape.rows import Landscape, summary

STATISTICS = {"eval": "the trained running statistics", "train": "those of the images at every point"}


def table(landscape: Landscape) -> Table:
    """Return a row for each network: its gradient at the first and at the last convolution."""
    rich_table = Table(
        title=Text(f"{landscape.name}: gradient norms by layer"),
        title_justify="left",
        box=HORIZONTALS,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    rich_table.add_column("network")
    for name in ("first conv", "last conv", "first / last", "at outputs"):
        rich_table.add_column(name, justify="right", no_wrap=True)
    for row in summary(landscape)["gradients"]:
        rich_table.add_row(row["network"], *(_short(row[name]) for name in ("first", "last", "ratio", "output_ratio")))
    return rich_table


def notes(landscape: Landscape) -> list[str]:
    """Return what the surface shows and how all was measured, one line each."""
    totals, c = summary(landscape), landscape.conventions
    lost = f"; at {totals['not_finite']} points it is no finite number" if totals["not_finite"] else ""
    return [
        f"Loss {_short(totals['loss'])} ({totals['error']:.3g} % error) at the network, "
        f"{_short(totals['lowest_loss'])} to {_short(totals['highest_loss'])} on the grid{lost}.",
        "first / last: the weights' gradient at the first convolution over that at the last; at outputs: the same of "
        "the gradient at the layers' outputs. Far from 1: it vanishes or explodes.",
        f"Conventions: mean cross-entropy of the first {c.images} training images of {c.dataset}, unaugmented; two "
        "random directions, each filter as long as the network's own (Li et al. 2018), biases and norms unmoved, their "
        f"cosine {totals['cosine']:.1e}; batch norms of the surface with {STATISTICS[c.bn]} (--bn). Gradients: the "
        f"first {c.gradient_images} of these images as one mini-batch in float32, batch norms with its statistics, "
        f"as in training; initial weights: {c.init} from seed {c.init_seed}.",
        *(f"Not compared: {name}: {reason}." for name, reason in totals["left_out"].items()),
    ]


def _short(value: Any) -> str:
    return "n/a" if value is None else f"{value:.3g}"
