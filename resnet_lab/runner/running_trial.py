"""A running trial: its MLflow run and how much of its history is logged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resnet_lab.runner.identity import TrialIdentity
from resnet_lab.tracking import DatasetRecord, TrialRun
from resnet_lab.trials.notices import Notice
from resnet_lab.trials.trial import Trial

Record = dict[str, Any]


@dataclass(slots=True)
class RunningTrial:
    """One trial in a worker, as the driver follows it."""

    identity: TrialIdentity
    attempt: int
    open_run: Callable[[], TrialRun]
    """Creates the attempt's run in MLflow. Raises TrackingError."""
    run: TrialRun | None = None
    """None until it is opened, which is after the worker has started, and while MLflow does not answer."""
    history: list[Record] = field(default_factory=list)
    """The epochs at the last look."""
    logged: int = 0
    """Epochs that were logged."""
    dataset_logged: bool = False
    notices: int = 0
    """Notices that were there before, or were reported."""
    _size: int = 0

    @property
    def trial(self) -> Trial:
        return self.identity.trial

    def new_epochs(self) -> list[Record]:
        """Return the epochs finished since the last call."""
        path = self.trial.history_file
        size = path.stat().st_size if path.exists() else 0
        if size == self._size:
            return []
        self._size, before = size, len(self.history)
        self.history = self.trial.history()
        return self.history[before:]

    def unlogged(self) -> list[Record]:
        """Return the epochs that are not logged."""
        return self.history[self.logged :]

    def nothing_logged(self) -> None:
        """Begin again: the run that held what was logged is given up."""
        self.logged, self.dataset_logged = 0, False

    def new_notices(self) -> list[Notice]:
        """Return the notices added since the last call."""
        found = self.trial.notices()
        before, self.notices = self.notices, len(found)
        return list(found[before:])

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
