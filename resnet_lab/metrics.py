"""Metrics: name, label, unit and better direction of every figure a trial records, and one epoch's record.

Axes, tables, progress output, Optuna's direction and MLflow's order read this table; a label is never made from a name.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType

from resnet_lab.errors import refer


class Better(StrEnum):
    """Which direction of a metric is better."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. `name` is its key in files, Optuna and MLflow; `unit` may be empty."""

    name: str
    label: str
    unit: str = ""
    better: Better = Better.NEITHER

    @property
    def axis(self) -> str:
        """The label of an axis: `test error (%)`."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def header(self) -> str:
        """The header of a table's column: `test error %`."""
        return f"{self.label} {self.unit}".strip()

    def text(self, value: float) -> str:
        """Return a value with label and unit, to two places: `test error 4.81 %`."""
        return f"{self.label} {value:.2f} {self.unit}".strip()


TEST_ERROR = "test/error"
VAL_ERROR = "val/error"
TEST_CURVE = "epoch/test_error"
"""The test error after each epoch, where `--log-test` asks for it: nothing is chosen by it."""
BATCH_ACCURACY = "train/batch_accuracy"


def _row(name: str, label: str, unit: str = "", better: Better = Better.NEITHER) -> tuple[str, Metric]:
    return name, Metric(name=name, label=label, unit=unit, better=better)


METRICS: Mapping[str, Metric] = MappingProxyType(
    dict(
        (
            _row("train/lr", "learning rate"),
            _row("train/loss", "training loss", "nats", Better.LOWER),
            _row("train/error", "training error", "%", Better.LOWER),
            _row("val/loss", "validation loss", "nats", Better.LOWER),
            _row(VAL_ERROR, "validation error", "%", Better.LOWER),
            _row("test/loss", "test loss", "nats", Better.LOWER),
            _row(TEST_ERROR, "test error", "%", Better.LOWER),
            _row(TEST_CURVE, "test error", "%", Better.LOWER),
            _row(BATCH_ACCURACY, "training accuracy", "%", Better.HIGHER),
            _row("time/epoch_s", "time per epoch", "s", Better.LOWER),
            _row("time/train_s", "training time", "s", Better.LOWER),
            _row("time/images_per_s", "images per second", "1/s", Better.HIGHER),
            _row("model/parameters", "parameters"),
            _row("model/flops", "FLOPs per image"),
            _row("lesion/mean_damage", "mean damage of a deletion", "points", Better.LOWER),
            _row("lesion/worst_damage", "worst damage of a deletion", "points", Better.LOWER),
            _row("classes/mean_accuracy", "mean accuracy over the classes", "%", Better.HIGHER),
            _row("classes/least_accuracy", "least accuracy of a class", "%", Better.HIGHER),
            _row("energy/joules", "energy", "J", Better.LOWER),
        )
    )
)


def metric(name: str) -> Metric:
    """Return the metric of that name; one that is not in the table is labelled by its name."""
    return METRICS.get(name) or Metric(name=name, label=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One finished epoch. Errors in per cent, losses in nats, times in seconds.

    `train_loss` is what was minimised, label smoothing included; `val_loss` is the plain cross-entropy.
    """

    epoch: int
    iteration: int
    lr: float
    train_loss: float
    train_error: float
    val_loss: float
    val_error: float
    epoch_s: float
    images_per_s: float

    def as_dict(self) -> dict[str, float]:
        """Return the record under the names of metrics: `train/loss`, `val/error`, `time/epoch_s`, ..."""
        return {FIELDS.get(name, name): value for name, value in asdict(self).items()}


FIELDS = MappingProxyType(
    {
        "lr": "train/lr",
        "train_loss": "train/loss",
        "train_error": "train/error",
        "val_loss": "val/loss",
        "val_error": VAL_ERROR,
        "epoch_s": "time/epoch_s",
        "images_per_s": "time/images_per_s",
    }
)
"""The metric that each field of an epoch's record is."""

if __name__ == "__main__":
    refer("resnet_lab.metrics", "python -m resnet_lab.evaluate")
