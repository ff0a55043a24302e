"""Figures of an evaluation: the confusion matrix and the reliability diagram, each with the rows it is drawn from."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.evaluation.scores import Scores
from analysis.figures.style import colour, draw_and_save
from analysis.stats.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = 20
"""Classes whose counts fit the matrix."""
LARGE = 60
"""Classes whose names fit axes of the usual size; of more, the figure grows with them."""
LABELLED = 160
"""Classes that all have their names on the axes; of more, as many do, evenly apart."""
SPACING, MARGIN = 0.1, 3.0
"""Inches for each name of a large figure, and around its cells."""
CONTRAST = 0.35
"""Exponent of the colour scale: with a linear one, the errors of a good network would all be white."""


def plot_confusion(scores: Scores, classes: Sequence[str], about: str, stem: Path) -> list[Path]:
    """Write the confusion matrix as <stem>.png, .svg and .csv, a row for each true class; return the paths."""
    import pandas as pd

    frame = pd.DataFrame(scores.confusion, columns=list(classes))
    frame.insert(0, "true", list(classes))
    return draw_and_save(lambda: _confusion(scores, classes, about), frame, stem)


def plot_reliability(scores: Scores, about: str, stem: Path) -> list[Path]:
    """Write accuracy against confidence as <stem>.png, .svg and .csv, a row for each bin; return the paths."""
    import pandas as pd

    frame = pd.DataFrame([{**each, **_interval(each)} for each in scores.as_dict()["bins"]])
    return draw_and_save(lambda: _reliability(frame, scores, about), frame, stem)


def _interval(each: dict[str, float]) -> dict[str, float]:
    """Return the 95 % Wilson interval of a bin's accuracy, in per cent."""
    images = int(each["images"])
    share = wilson(round(images * each["accuracy"] / 100), images)
    return {"accuracy_low": 100 * share.low, "accuracy_high": 100 * share.high}


def _confusion(scores: Scores, classes: Sequence[str], about: str) -> "Figure":
    import numpy as np
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    counts = np.array(scores.confusion)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=_size(len(classes)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(CONTRAST, 0, 100))
    bar = figure.colorbar(image, ax=axes, shrink=0.8, ticks=[0, 1, 5, 20, 50, 100])
    bar.set_label("% of the true class")
    _label_classes(axes, classes)
    if len(classes) <= NAMED:
        for (row, column), count in np.ndenumerate(counts):
            axes.text(column, row, count, ha="center", va="center", fontsize=7, color=_ink(shares[row, column]))
    figure.suptitle(f"Confusion matrix\n{about}", x=0.01, ha="left", fontsize=10)
    return figure


def _size(classes: int) -> tuple[float, float]:
    """Return width and height in inches: those of a page, or what the names of many classes take."""
    if classes <= LARGE:
        return 6.4, 5.8
    side = SPACING * min(classes, LABELLED) + MARGIN
    return side + 0.6, side


def _ink(share: float) -> str:
    """Return a colour of text that is legible on the cell of that share."""
    return "white" if (share / 100) ** CONTRAST > 0.6 else "0.2" if share else "0.7"


def _label_classes(axes: "Axes", classes: Sequence[str]) -> None:
    few = len(classes) <= NAMED
    ticks = range(0, len(classes), -(-len(classes) // LABELLED))
    labels, size = [classes[tick] for tick in ticks], 9 if few else 5
    axes.set_xticks(ticks, labels, rotation=45 if few else 90, ha="right" if few else "center", fontsize=size)
    axes.set_yticks(ticks, labels, fontsize=size)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.grid(visible=False)


def _reliability(frame: "pd.DataFrame", scores: Scores, about: str) -> "Figure":
    import seaborn as sns
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 5.8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _accuracies(upper, frame)
    width = frame["high"] - frame["low"]
    lower.bar(frame["low"], frame["images"], width, align="edge", color=colour(0), alpha=0.6, ec="white")
    lower.set_yscale("log")
    lower.yaxis.set_major_formatter("{x:,g}")
    lower.set_ylabel("images")
    lower.set_xlabel("confidence, %")
    lower.set_xlim(0, 101)
    lower.set_ylim(bottom=0.5)
    for axes in (upper, lower):
        sns.despine(ax=axes)
    figure.suptitle(
        f"Reliability: expected calibration error {scores.ece:.2f} %\n{about}", x=0.01, ha="left", fontsize=10
    )
    figure.supxlabel("bars: 95 % Wilson interval of each bin", x=0.01, ha="left", fontsize=7, color="0.35")
    return figure


def _accuracies(axes: "Axes", frame: "pd.DataFrame") -> None:
    """Draw each bin's accuracy at its mean confidence, and the line of perfect calibration."""
    axes.plot([0, 100], [0, 100], color="0.5", lw=1, ls="--", label="perfectly calibrated")
    bars = (frame["accuracy"] - frame["accuracy_low"], frame["accuracy_high"] - frame["accuracy"])
    axes.errorbar(
        frame["confidence"], frame["accuracy"], yerr=bars, color=colour(0), marker="o", ms=4, lw=1, label="this network"
    )
    axes.set_ylabel("accuracy, %")
    axes.set_ylim(0, 102)
    axes.legend(frameon=False, loc="upper left")
