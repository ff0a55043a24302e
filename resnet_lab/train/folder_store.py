"""The trial store of a command without Optuna: a trial's folder says how it stands."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resnet_lab.outcomes import reason_of
from resnet_lab.spec.choices import Value
from resnet_lab.trials.trial import Trial


@dataclass(slots=True)
class FolderStore:
    """Trials by what is on disk, and the failures of this launch: see `resnet_lab.runner.trial_store`."""

    _failures: Counter[str] = field(default_factory=Counter)

    def is_complete(self, trial: Trial) -> bool:
        return trial.result() is not None

    def failures(self, trial: Trial) -> int:
        """Return the failures of this launch, and one where an earlier launch left a reason that is final."""
        return self._failures[trial.name] or int(reason_of(trial.outcome().reason).is_final)

    def start(self, trial: Trial, fields: Mapping[str, Value]) -> None:
        """The worker writes what there is to know."""

    def complete(self, trial: Trial, result: Mapping[str, Any]) -> None:
        """The worker has written it."""

    def fail(self, trial: Trial, reason: str) -> None:
        self._failures[trial.name] += reason_of(reason).is_charged
