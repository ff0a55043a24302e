"""Evaluation of one network: its scores, and what they were read on; as JSON and as files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.evaluation.scores import Scores
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName
from resnet_lab.system import atomic


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The scores of a network on the test images of a data set, whose classes have names."""

    network: str
    dataset: DatasetName
    precision: str
    """The compute type, such as float32."""
    classes: Sequence[str]
    scores: Scores

    @property
    def about(self) -> str:
        """Return what the scores are of, for a title."""
        return f"{self.network}, {self.scores.images:,} test images of {self.dataset}, {self.precision}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        read_on = {"network": self.network, "dataset": self.dataset.value, "precision": self.precision}
        return {**read_on, "classes": list(self.classes), **self.scores.as_dict()}


def write(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write evaluation.json, confusion.json and the figures; return all paths. Raises UserError where it cannot."""
    from analysis.evaluation.figures import plot_confusion, plot_reliability

    scores, classes, about = evaluation.scores, evaluation.classes, evaluation.about
    confusion = {"rows": "true class", "columns": "predicted class", "classes": list(classes)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_json(folder / "evaluation.json", evaluation.as_dict())
        atomic.write_json(folder / "confusion.json", {**confusion, "counts": scores.confusion})
        files = [folder / "evaluation.json", folder / "confusion.json"]
        files += plot_confusion(scores, classes, about, folder / "confusion")
        return files + plot_reliability(scores, about, folder / "reliability")
    except OSError as error:
        raise UserError(f"cannot write to {folder} ({error.strerror}): choose another --out") from None
