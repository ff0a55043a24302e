"""The Optuna study as the ledger of what was asked and what came of it. One driver writes it."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_lab.errors import UserError
from resnet_lab.fields import Value, choices, field_types
from resnet_lab.trial import Trial
from studies.books import INTERRUPTED

if TYPE_CHECKING:
    import optuna

FILE = "optuna.db"


class Ledger:
    """Cells are enqueued one by one as workers become free, never sampled: nothing is drawn twice or skipped."""

    def __init__(self, study: "optuna.Study") -> None:
        self._study = study
        self._open: dict[str, optuna.Trial] = {}
        self._complete: set[str] = set()
        self._failures: Counter[str] = Counter()
        self._reconcile()

    @classmethod
    def open(cls, out: Path, name: str) -> "Ledger":
        """Open or create the study in `<out>/optuna.db`. The caller holds the driver's lock."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = f"sqlite:///{(out / FILE).absolute()}"
        return cls(optuna.create_study(storage=storage, study_name=name, load_if_exists=True))

    def _reconcile(self) -> None:
        """Read what earlier drivers left: whoever holds the lock knows that a RUNNING trial is dead."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(deepcopy=False):
            name = trial.user_attrs.get("trial", "")
            if trial.state == TrialState.COMPLETE:
                self._complete.add(name)
            elif trial.state == TrialState.RUNNING:
                self._study.tell(trial.number, state=TrialState.FAIL)
            elif trial.state == TrialState.FAIL and _reason(trial) not in (None, INTERRUPTED):
                self._failures[name] += 1

    def is_complete(self, trial: Trial) -> bool:
        return trial.name in self._complete

    def failures(self, trial: Trial) -> int:
        """Return how often the trial failed by itself; being interrupted does not count."""
        return self._failures[trial.name]

    def start(self, trial: Trial, fields: Mapping[str, Value]) -> None:
        """Enqueue the cell and take it. `fields` are the varied fields and the seed, by dotted name."""
        from optuna.trial import TrialState

        attributes = {"trial": trial.name, "attempt": self.failures(trial) + 1}
        self._study.enqueue_trial(dict(fields), user_attrs=attributes)
        asked = self._study.ask()
        while asked.user_attrs.get("trial") != trial.name:  # left waiting by a driver that died in between
            self._study.tell(asked, state=TrialState.FAIL)
            asked = self._study.ask()
        for name in fields:
            self._suggest(asked, name)
        self._open[trial.name] = asked

    def _suggest(self, asked: "optuna.Trial", name: str) -> None:
        """Record a parameter under a distribution that never depends on the levels of one launch."""
        values = choices(name)
        try:
            if values:
                asked.suggest_categorical(name, values)
            elif field_types()[name] is int or name == "seed":
                asked.suggest_int(name, 0, 2**31 - 1)
            else:
                asked.suggest_float(name, -1e30, 1e30)
        except ValueError as error:
            raise UserError(
                f"this study's {FILE} was made by a version with other values of {name} ({error}): give another --out"
            ) from None

    def complete(self, trial: Trial, result: Mapping[str, Any]) -> None:
        """Record the result. The value is the validation error, so that nothing can be picked by the test set."""
        asked = self._open.pop(trial.name)
        asked.set_user_attr("result", json.dumps(dict(result)))
        self._study.tell(asked, result["val/error"])
        self._complete.add(trial.name)

    def fail(self, trial: Trial, reason: str) -> None:
        """Record a failure and why."""
        from optuna.trial import TrialState

        asked = self._open.pop(trial.name)
        asked.set_user_attr("reason", reason)
        self._study.tell(asked, state=TrialState.FAIL)
        if reason != INTERRUPTED:
            self._failures[trial.name] += 1


def _reason(trial: Any) -> str | None:
    reason: str | None = trial.user_attrs.get("reason")
    return reason
