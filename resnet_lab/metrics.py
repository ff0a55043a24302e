"""One line of history.jsonl, and its names as metrics."""

from dataclasses import asdict, dataclass


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
        return {METRICS.get(name, name): value for name, value in asdict(self).items()}


METRICS = {
    "lr": "train/lr",
    "train_loss": "train/loss",
    "train_error": "train/error",
    "val_loss": "val/loss",
    "val_error": "val/error",
    "epoch_s": "time/epoch_s",
    "images_per_s": "time/images_per_s",
}
