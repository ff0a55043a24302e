"""A running trial: its MLflow run and how much of its history is logged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resnet_lab.runner.identity import TrialIdentity
from resnet_lab.tracking import DatasetRecord, TrialRun
from resnet_lab.trials.trial import Trial

Record = dict[str, Any]


@dataclass(slots=True)
class RunningTrial:
    """One trial in a worker, as the driver follows it."""

    identity: TrialIdentity
    run: TrialRun | None = None
    """None until it is opened, which is after the worker has started."""
    size: int = 0
    """Bytes of the history at the last look."""
    logged: int = 0
    """Epochs that were logged."""
    dataset_logged: bool = False

    @property
    def trial(self) -> Trial:
        return self.identity.trial

    def new_epochs(self) -> list[Record]:
        """Return the epochs finished since the last call; none before there is a run to log them in."""
        path = self.trial.history_file
        size = path.stat().st_size if path.exists() else 0
        if size == self.size or self.run is None:
            return []
        self.size, before = size, self.logged
        history = self.trial.history()
        self.logged = len(history)
        return history[before:]

    def dataset(self, source: str) -> DatasetRecord | None:
        """Return, once, which images the trial saw: the worker has hashed them by its first epoch."""
        data = None if self.dataset_logged else self.trial.environment().get("data")
        if not data:
            return None
        self.dataset_logged = True
        return DatasetRecord(name=data["name"], digest=data["sha256"], source=source, context="train")


def metrics_by_epoch(history: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Return epochs as MLflow takes them, which counts epochs and not iterations."""
    return [{name: value for name, value in record.items() if name != "iteration"} for record in history]
