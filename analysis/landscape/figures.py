"""Figures of a landscape: the surface with its two slices, and the gradients by layer."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.figures.style import arm_style, draw_and_save
from analysis.landscape.rows import Landscape, Row, gradient_rows, surface_rows
from analysis.landscape.text import STATISTICS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = 18
"""Contours of the surface, evenly on a log scale."""
PANELS = {
    "gradient_norm": "gradient of the weights",
    "output_gradient_norm": "gradient at the layer's output",
}


def plot_surface(landscape: Landscape, stem: Path) -> list[Path]:
    """Write the contours of the loss and its slices along both directions as <stem>.png, .svg and .csv."""
    import pandas as pd

    frame = pd.DataFrame(surface_rows(landscape)).astype({"loss": float})
    return draw_and_save(lambda: _surface(frame, landscape), frame, stem)


def plot_gradients(rows: Sequence[Row], title: str, about: str, stem: Path) -> list[Path]:
    """Write the norms of each network's body by layer as <stem>.png and .svg, and the rows as <stem>.csv."""
    import pandas as pd

    frame = pd.DataFrame(rows).astype({"depth": "Int64"})
    return draw_and_save(lambda: _gradients(frame, title, about), frame, stem)


def write_figures(landscape: Landscape, folder: Path) -> list[Path]:
    """Write both figures of one network with their tables; return the paths. Raises OSError."""
    c = landscape.conventions
    about = (
        f"first {c.gradient_images} training images of {c.dataset} as one mini-batch, batch norms with its statistics; "
        f"initial weights: {c.init} from seed {c.init_seed}; log scales"
    )
    title = f"{landscape.name}: gradient norms by layer"
    return [
        *plot_surface(landscape, folder / "surface"),
        *plot_gradients(gradient_rows(landscape), title, about, folder / "gradients"),
    ]


def _surface(frame: "pd.DataFrame", landscape: Landscape) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _contours(figure, left, frame)
    _slices(right, frame)
    c, centre = landscape.conventions, landscape.centre
    figure.suptitle(
        f"{landscape.name}: loss {centre.loss:.3g} at the network, along two random directions",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    about = (
        f"mean cross-entropy of the first {c.images} training images of {c.dataset}; filter-normalised directions, "
        f"seed {c.seed}; batch norms with {STATISTICS[c.bn]}"
    )
    figure.supxlabel(about, x=0.01, ha="left", fontsize=7, color="0.35")
    return figure


def _contours(figure: "Figure", axes: "Axes", frame: "pd.DataFrame") -> None:
    """Fill between levels of the loss; where it is not finite, the paper shows."""
    import numpy as np
    from matplotlib.colors import LogNorm

    grid = frame.pivot(index="beta", columns="alpha", values="loss")
    losses = np.ma.masked_invalid(grid.to_numpy())
    levels = _levels(losses)
    drawn = axes.contourf(grid.columns, grid.index, losses, levels, norm=LogNorm(), cmap="viridis_r")
    axes.contour(grid.columns, grid.index, losses, levels, colors="white", linewidths=0.4)
    axes.plot(0, 0, marker="*", ms=9, color="black", lw=0)
    bar = figure.colorbar(drawn, ax=axes, format="{x:.3g}", ticks=levels[:: max(1, len(levels) // 6)])
    bar.set_label("loss, nats (log scale)")
    bar.minorticks_off()
    axes.set_aspect("equal")
    axes.locator_params(nbins=5)
    axes.grid(visible=False)
    axes.set_xlabel("first direction")
    axes.set_ylabel("second direction")
    axes.set_title("loss surface", loc="left")


def _levels(losses: "np.ma.MaskedArray[Any, Any]") -> "np.ndarray[Any, Any]":
    import numpy as np

    low, high = float(losses.min()), float(losses.max())
    low = max(low, high * 1e-8, 1e-12)  # a log scale has no place for a loss of 0
    return np.geomspace(low, max(high, low * 1.01), LEVELS)


def _slices(axes: "Axes", frame: "pd.DataFrame") -> None:
    for place, (along, across, label) in enumerate(
        (("alpha", "beta", "along the first"), ("beta", "alpha", "along the second"))
    ):
        line = frame[frame[across] == 0]
        tint, mark = arm_style(place)
        axes.plot(line[along], line["loss"], color=tint, marker=mark, ms=3, lw=1.2, label=label)
    axes.set_title("loss along each direction", loc="left")
    axes.set_xlabel("distance, in norms of each filter")
    axes.set_ylabel("loss, nats")
    _log_scale(axes)
    axes.legend(frameon=False, fontsize=8)


def _gradients(frame: "pd.DataFrame", title: str, about: str) -> "Figure":
    from matplotlib.figure import Figure

    body = frame[frame["place"] == "body"]
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    panels = figure.subplots(1, len(PANELS))
    for axes, (column, called) in zip(panels, PANELS.items(), strict=True):
        _curves(axes, body, column)
        axes.set_title(called, loc="left")
    panels[0].set_ylabel("Frobenius norm")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    figure.supxlabel(about, x=0.01, ha="left", fontsize=7, color="0.35")
    return figure


def _curves(axes: "Axes", body: "pd.DataFrame", column: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for place, (network, layers) in enumerate(body.groupby("network", sort=False)):
        shown = layers[layers[column] > 0]
        tint, mark = arm_style(place)
        axes.plot(shown["depth"], shown[column], color=tint, marker=mark, ms=3, lw=1, label=network)
    axes.set_xlabel("layer, from the image on")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    _log_scale(axes)


def _log_scale(axes: "Axes") -> None:
    import seaborn as sns

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")  # the usual one writes formulas, which the style turns off
    axes.yaxis.set_minor_formatter("")
    axes.grid(visible=False, axis="x")
    sns.despine(ax=axes)
