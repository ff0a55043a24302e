"""Figure of an image set: its first images with their labels, and how many images each class has."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.figures.style import colour, figure_style, save

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

COLUMNS = 8
SIDE = 1.25  # inches of an image
BAR = 0.17  # inches of a class's bar
MOST_NAMED = 60  # classes that are named at the bars
WIDEST = 16  # characters of a label over an image


def plot_images(
    pixels: "NDArray[np.uint8]",
    labels: Sequence[str],
    counts: Sequence[tuple[str, Sequence[int]]],
    *,
    parts: Sequence[str],
    title: str,
    stem: Path,
) -> list[Path]:
    """Write <stem>.png and .svg: uint8 [N, H, W, C] images, each under its label, and the classes' counts by part."""
    with figure_style():
        return save(_figure(pixels, labels, counts, parts, title), stem)


def _figure(
    pixels: "NDArray[np.uint8]",
    labels: Sequence[str],
    counts: Sequence[tuple[str, Sequence[int]]],
    parts: Sequence[str],
    title: str,
) -> "Figure":
    from matplotlib.figure import Figure

    height = max(SIDE * 1.2 * ceil(len(pixels) / COLUMNS), BAR * min(len(counts), MOST_NAMED)) + 0.9
    figure = Figure(figsize=(SIDE * COLUMNS + 4, height), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[SIDE * COLUMNS, 4])[0]
    _draw_images(left, pixels, labels)
    _draw_counts(right.subplots(), counts, parts)
    return figure


def _draw_images(figure: "SubFigure", pixels: "NDArray[np.uint8]", labels: Sequence[str]) -> None:
    rows = ceil(len(pixels) / COLUMNS)
    panels = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for axes in panels:
        axes.axis("off")
    for axes, image, label in zip(panels, pixels, labels, strict=False):
        grey = image.shape[2] == 1
        axes.imshow(image[..., 0] if grey else image, cmap="gray" if grey else None, vmin=0, vmax=255)
        axes.set_title(label if len(label) <= WIDEST else f"{label[: WIDEST - 1]}…", fontsize=7, pad=2)


def _draw_counts(axes: "Axes", counts: Sequence[tuple[str, Sequence[int]]], parts: Sequence[str]) -> None:
    """Draw a bar for each class, its parts side by side."""
    places, start = range(len(counts)), [0] * len(counts)
    for index, part in enumerate(parts):
        widths = [values[index] for _, values in counts]
        axes.barh(places, widths, left=start, color=colour(index), label=part)
        start = [before + width for before, width in zip(start, widths, strict=True)]
    if len(counts) <= MOST_NAMED:
        axes.set_yticks(places, [name for name, _ in counts], fontsize=7)
    else:
        axes.set_ylabel("class")
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.set_xlabel("images")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(parts), fontsize=7, frameon=False)
    axes.grid(axis="y", visible=False)
