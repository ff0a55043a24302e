"""The main figure of a study: every seed's point and each arm's mean with its interval."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.arm_panel import draw
from analysis.arms import ArmRow
from analysis.plot_data import plot_data
from analysis.trials import Trial

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.edgecolor": "0.3",
    "grid.color": "0.9",
    "text.parse_math": False,  # a $ in a study's title is a $
    "svg.hashsalt": "resnet-lab",  # the same figure gives the same file
}


def plot_arms(
    trials: Sequence[Trial],
    rows: Sequence[ArmRow],
    *,
    arm: Sequence[str],
    context: Sequence[str],
    measure: str = "test/error",
    title: str,
    out: Path,
) -> list[Path]:
    """Draw the arms side by side in each context; write and return out.png, out.svg and out.csv.

    The measure is in per cent. The axis spans the seeds, and an arrow marks an interval that leaves it;
    failed trials are crosses at the top. The CSV holds all that is drawn. Same input, same bytes.
    """
    import matplotlib as mpl
    import seaborn as sns

    out.parent.mkdir(parents=True, exist_ok=True)
    paths = [out.with_name(out.name + ending) for ending in (".png", ".svg", ".csv")]
    frame = plot_data(trials, rows, arm=arm, context=context, measure=measure)
    frame.to_csv(paths[2], index=False, lineterminator="\n")
    with sns.axes_style("whitegrid"), mpl.rc_context(STYLE):
        figure = draw(frame, arm=arm, context=context, title=title, measure=measure)
        figure.savefig(paths[0], dpi=200, metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None})
    return paths
