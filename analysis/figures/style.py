"""Style of all figures: palette, markers, rcParams, and how a figure is saved."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.figures.arm_marks import Colour

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


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


def arm_style(index: int) -> tuple[Colour, str]:
    """Return the colour and the marker of the arm of that place in the table: the same in every figure."""
    import seaborn as sns

    palette = sns.color_palette("colorblind", 10)
    return palette[index % len(palette)], MARKERS[index % len(MARKERS)]


def write(draw: Callable[[], "Figure"], frame: "pd.DataFrame", out: Path) -> list[Path]:
    """Draw in the style of all figures; write and return out.png, out.svg and out.csv, the same bytes each time."""
    import matplotlib as mpl
    import seaborn as sns

    paths = [out.with_name(out.name + ending) for ending in (".png", ".svg", ".csv")]
    frame.to_csv(paths[2], index=False, lineterminator="\n")
    with sns.axes_style("whitegrid"), mpl.rc_context(STYLE):
        figure = draw()
        figure.savefig(paths[1], metadata={"Date": None})
        figure.set_layout_engine("none")  # laid out once: that is most of the time
        figure.savefig(paths[0], dpi=200, metadata={"Software": None})
    return paths
