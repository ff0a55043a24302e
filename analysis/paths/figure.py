"""Figure of a path spectrum: number of paths, gradient of one, gradient of all of a length."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.figures.style import Colour, figure_style, palette, save
from analysis.paths.rows import PathReport, rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXACT, SAMPLED, COUNTED = 0, 1, 2
"""Places in the colour-blind palette."""


def plot_paths(report: PathReport, out: Path) -> list[Path]:
    """Draw the three panels; write and return out.png, out.svg and out.csv, the rows they are drawn from.

    Same input, same bytes.
    """
    import pandas as pd

    frame = pd.DataFrame(rows(report))
    with figure_style():
        return save(draw(frame, report), out, frame=frame)


def draw(frame: "pd.DataFrame", report: PathReport) -> "Figure":
    """Return the figure of the rows of one network."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.7), layout="constrained")
    panels: Sequence[Axes] = figure.subplots(1, 3)
    colours = palette()
    _counts(panels[0], frame, colours)
    _single(panels[1], frame, colours)
    _contributions(panels[2], frame, colours)
    _mark_effective(panels, report)
    for axes in panels:
        _format_axes(axes, report.blocks)
    figure.suptitle(f"{report.name}: gradient by path length, {report.blocks} blocks", x=0.01, ha="left", fontsize=10)
    figure.supxlabel(_caption(report), x=0.01, ha="left", fontsize=7, color="0.35")
    return figure


def _counts(axes: "Axes", frame: "pd.DataFrame", colours: Sequence[Colour]) -> None:
    axes.plot(frame["length"], frame["share"], color=colours[COUNTED], marker="D", ms=3, lw=1)
    axes.set_title("paths of a length", loc="left")
    axes.set_ylabel("share of all paths")


def _single(axes: "Axes", frame: "pd.DataFrame", colours: Sequence[Colour]) -> None:
    """Draw the mean norm of one path, its interval in the same share of the mean as that of the contribution."""
    sampled = frame[frame["path_norm"] > 0]
    scale = sampled["path_norm"] / sampled["monte_carlo"]
    _points(
        axes,
        sampled["length"],
        (sampled["path_norm"], sampled["low"] * scale, sampled["high"] * scale),
        colours[SAMPLED],
    )
    axes.set_title("gradient of one path", loc="left")
    axes.set_ylabel("mean norm")


def _contributions(axes: "Axes", frame: "pd.DataFrame", colours: Sequence[Colour]) -> None:
    sampled = frame[frame["monte_carlo"] > 0]
    label = "paths x mean norm of one"
    _points(axes, sampled["length"], (sampled["monte_carlo"], sampled["low"], sampled["high"]), colours[SAMPLED], label)
    exact = frame[frame["norm_ratio"] > 0]
    axes.plot(exact["length"], exact["norm_ratio"], color=colours[EXACT], marker="o", ms=3, lw=1, label="exact sum")
    axes.set_title("gradient of all paths of a length", loc="left")
    axes.set_ylabel("norm / norm of the whole gradient")
    # Points and lines may be anywhere inside.
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.06), borderpad=0)


def _points(axes: "Axes", x: Any, values: tuple[Any, Any, Any], colour: Colour, label: str | None = None) -> None:
    """Draw means with their intervals; one that goes on towards 0 ends in a triangle at a tenth of the mean."""
    mean, low, high = values
    floor = mean / 10
    axes.vlines(x, low.fillna(mean).clip(lower=floor), high.fillna(mean), color=colour, lw=1.2)
    axes.plot(x[low < floor], floor[low < floor], color=colour, marker="v", ms=3, lw=0)
    axes.plot(x, mean, color=colour, marker="s", ms=3, lw=0, label=label)


def _mark_effective(panels: Sequence["Axes"], report: PathReport) -> None:
    effective = report.effective
    for axes in panels:
        axes.axvspan(effective.low - 0.5, effective.high + 0.5, color="0.93", lw=0, zorder=0)


def _format_axes(axes: "Axes", blocks: int) -> None:
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")  # the usual one writes formulas, which the style turns off
    axes.minorticks_off()
    axes.set_xlim(-0.5, blocks + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlabel("path length (branches passed)")
    axes.grid(visible=False, axis="x")
    sns.despine(ax=axes)


def _caption(report: PathReport) -> str:
    conventions, effective = report.conventions, report.effective
    return (
        f"at the {conventions.at}, batch norm in {conventions.bn} mode, "
        f"first {conventions.images} test images of {conventions.dataset}; "
        f"grey: lengths {effective.low} to {effective.high} carry 95 % of the exact norms; "
        f"bars: {conventions.interval}s (triangles: down to 0 or nearly); log scales"
    )
