"""Text of an evaluation: the scores in a line, and a table of the classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.evaluation.evaluation import Evaluation
from analysis.stats.intervals import wilson

if TYPE_CHECKING:
    from rich.table import Table


def lines(evaluation: Evaluation) -> list[str]:
    """Return what was evaluated, and the scores; the interval is that of reading one network on so many images."""
    scores = evaluation.scores
    right = sum(scores.confusion[index][index] for index in range(len(scores.confusion)))
    interval = wilson(right, scores.images)
    top5 = "" if scores.top5 is None else f", top-5 {scores.top5:.2f} %"
    return [
        evaluation.about,
        f"accuracy {scores.accuracy:.2f} % [{100 * interval.low:.2f}, {100 * interval.high:.2f}]{top5}, "
        f"loss {scores.loss:.4f} nats, calibration error {scores.ece:.2f} %",
    ]


def table(evaluation: Evaluation) -> "Table":
    """Return a row for each class: its images, its accuracy, and the class that it is most often taken for."""
    from rich.table import Table

    scores, classes = evaluation.scores, evaluation.classes
    rich_table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("class", "images", "accuracy %", "most often taken for"):
        rich_table.add_column(name, justify="right" if name in ("images", "accuracy %") else "left", no_wrap=True)
    for index, (row, accuracy) in enumerate(zip(scores.confusion, scores.per_class, strict=True)):
        shown = "" if accuracy is None else f"{accuracy:.2f}"
        rich_table.add_row(classes[index], str(sum(row)), shown, _taken_for(row, index, classes))
    return rich_table


def _taken_for(row: Sequence[int], true: int, classes: Sequence[str]) -> str:
    wrong = {index: count for index, count in enumerate(row) if index != true and count}
    most = max(wrong, key=wrong.__getitem__, default=None)
    return "" if most is None else f"{classes[most]} ({wrong[most]})"
