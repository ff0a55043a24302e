"""Style of all figures: palette, markers, rcParams, and how a figure is saved."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Colour = tuple[float, float, float]

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.edgecolor": "0.3",
    "grid.color": "0.9",
    "text.parse_math": False,  # a $ in a study's title is a $
    "svg.hashsalt": "resnet-lab",  # the same figure gives the same file
}
MARKERS = "osD^vPXp*"
"""One fewer than the palette's ten colours, so that the pairs repeat only after ninety arms."""


def palette() -> list[Colour]:
    """Return the ten colours of every figure, distinct for colour-blind readers too."""
    import seaborn as sns

    colours: list[Colour] = sns.color_palette("colorblind", 10)
    return colours


def colour(index: int) -> Colour:
    """Return the colour of the arm, level or series of that place: the same in every figure."""
    colours = palette()
    return colours[index % len(colours)]


def marker(index: int) -> str:
    """Return the marker of the arm, level or series of that place: the same in every figure."""
    return MARKERS[index % len(MARKERS)]


def arm_style(index: int) -> tuple[Colour, str]:
    """Return the colour and the marker of the arm of that place in the table."""
    return colour(index), marker(index)


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw what is made within in the style of all figures."""
    import matplotlib as mpl
    import seaborn as sns

    with sns.axes_style("whitegrid"), mpl.rc_context(STYLE):
        yield


def save(
    figure: "Figure", stem: Path, *, frame: "pd.DataFrame | None" = None, lay_out_once: bool = False
) -> list[Path]:
    """Write a figure to <stem>.png and <stem>.svg, and the frame it is drawn from to <stem>.csv; return the paths.

    The same figure gives the same bytes. `lay_out_once` takes the SVG's layout for the PNG: that of many panels takes
    most of the time.
    """
    import matplotlib as mpl

    stem.parent.mkdir(parents=True, exist_ok=True)
    png, svg, csv = (stem.with_name(stem.name + ending) for ending in (".png", ".svg", ".csv"))
    with mpl.rc_context(STYLE):
        if lay_out_once:
            figure.savefig(svg, metadata={"Date": None})
            figure.set_layout_engine("none")
        figure.savefig(png, dpi=200, metadata={"Software": None})
        if not lay_out_once:
            figure.savefig(svg, metadata={"Date": None})
    if frame is None:
        return [png, svg]
    frame.to_csv(csv, index=False, lineterminator="\n")
    return [png, svg, csv]


def draw_and_save(draw: Callable[[], "Figure"], frame: "pd.DataFrame", stem: Path) -> list[Path]:
    """Draw a figure of panels in the style of all figures; write and return <stem>.png, .svg and .csv."""
    with figure_style():
        return save(draw(), stem, frame=frame, lay_out_once=True)
