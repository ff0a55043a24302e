"""Training loss and test error over epochs on two axes, as figures 1 and 6 of He et al. 2016 (arXiv 1603.05027).

The loss is dashed and read on the left, the error solid and read on the right. The test error of every epoch is there
where trials recorded it (`--log-test`); else the solid line is the validation error, and a point with its interval the
test error, which was read once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.comparison.arms import ArmRow
from analysis.figures.axes import decade_ticks, limits
from analysis.figures.learning_curves import draw_band, drawn_arms, lines_of
from analysis.figures.panels import FigureText, arm_lines, contexts_of, grid
from analysis.figures.style import draw_and_save
from analysis.tables.labels import full_label
from resnet_lab.metrics import METRICS, TEST_CURVE, TEST_ERROR, VAL_ERROR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LOSS = "train/loss"
TITLE = "Training loss and test error"
DASHED = "dashed, left axis: training loss (log scale); solid, right axis: "
RECORDED = "test error after each epoch"
READ_ONCE = "validation error after each epoch, and at its end the test error, read once, with its 95 % interval"
MEANS = "; means over the seeds of complete trials, with 95 % Student-t bands"


def plot_loss_and_error(frame: "pd.DataFrame", rows: Sequence[ArmRow], *, out: Path) -> list[Path]:
    """Write out.png, .svg and .csv of `learning_curves.curve_data`; [] without two epochs of loss and error."""
    error = TEST_CURVE if _is_recorded(frame, rows) else VAL_ERROR
    shown = frame[frame["metric"].isin((LOSS, error))]
    if shown["epoch"].nunique() < 2 or shown["metric"].nunique() < 2:
        return []
    return draw_and_save(lambda: _figure(shown, rows, error), shown, out)


def _is_recorded(frame: "pd.DataFrame", rows: Sequence[ArmRow]) -> bool:
    """Whether every arm has the test error of every epoch: lines of two kinds would be compared with each other."""
    arms = [lines_of(frame, {**row.context, **row.arm}) for row in rows if not row.diverged]
    counts = [[(arm["metric"] == name).sum() for name in (TEST_CURVE, VAL_ERROR)] for arm in arms]
    return bool(counts) and all(recorded and recorded == epochs for recorded, epochs in counts)


def _figure(frame: "pd.DataFrame", rows: Sequence[ArmRow], error: str) -> Any:
    drawn, lost = drawn_arms(rows)
    contexts, key, styles = contexts_of(drawn), *arm_lines(drawn, solid=True)
    caption = DASHED + (RECORDED if error == TEST_CURVE else READ_ONCE) + MEANS + lost
    figure, axes = grid(len(contexts), FigureText(TITLE, caption), columns=2, key=key, solid=True)
    for left, context in zip(axes, contexts, strict=True):
        left.set_title(full_label(context), fontsize=9)
        right = left.twinx()
        _set_axes(left, right, frame, drawn, error)
        for row, style in zip(drawn, styles, strict=True):
            if row.context == context:
                mine = lines_of(frame, {**row.context, **row.arm})
                draw_band(left, lines_of(mine, {"metric": LOSS}), "epoch", {**style, "linestyle": "--", "linewidth": 1})
                draw_band(right, lines_of(mine, {"metric": error}), "epoch", style)
                if error == VAL_ERROR:
                    _draw_test(right, row, mine["epoch"].max(), style["color"])
    return figure


def _set_axes(left: "Axes", right: "Axes", frame: "pd.DataFrame", rows: Sequence[ArmRow], error: str) -> None:
    import seaborn as sns

    losses = lines_of(frame, {"metric": LOSS})
    decade_ticks(left)
    left.set_ylim(max(losses["min"].min(), 1e-6) / 1.3, losses["max"].max() * 1.3)
    errors = lines_of(frame, {"metric": error})
    ends = [row.mean for row in rows] if error == VAL_ERROR else []
    right.set_ylim(*limits([*errors["min"], *errors["max"], *(end for end in ends if end == end)], [], []))
    left.set_xlabel("epoch")
    left.set_ylabel(f"{METRICS[LOSS].axis}, dashed")
    right.set_ylabel(f"{METRICS[TEST_ERROR if error == TEST_CURVE else VAL_ERROR].axis}, solid")
    right.grid(visible=False)
    sns.despine(ax=right, left=True, right=False)


def _draw_test(right: "Axes", row: ArmRow, epoch: float, colour: Any) -> None:
    """Mark an arm's test error at its last epoch."""
    bottom, top = right.get_ylim()
    low, high = (min(max(end, bottom), top) for end in (row.low, row.high))
    if low == low:  # one seed allows no interval
        right.plot([epoch, epoch], [low, high], color=colour, linewidth=0.8, alpha=0.6)
    right.plot([epoch], [row.mean], marker="o", markersize=5, color=colour, markeredgecolor="white", clip_on=False)
