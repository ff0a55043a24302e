"""The Optuna storage of planned trials and their states. One driver writes it."""

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from ablations.references import is_own
from resnet_lab.errors import DiskFullError, UserError, is_full
from resnet_lab.outcomes import reason_of
from resnet_lab.runner.lock import LOCKS
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import choices, field_types
from resnet_lab.system.sqlite import enable_wal, require_sqlite
from resnet_lab.trials.trial import Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage

FILE = "optuna.db"
_ROWS = """
SELECT trials.trial_id, trials.state, name.value_json, reason.value_json FROM trials
LEFT JOIN trial_user_attributes AS name ON name.trial_id = trials.trial_id AND name.key = 'trial'
LEFT JOIN trial_user_attributes AS reason ON reason.trial_id = trials.trial_id AND reason.key = 'reason'
WHERE trials.study_id = ? ORDER BY trials.trial_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One trial of the study, as far as the next launch must know it."""

    id: int
    state: str
    """`COMPLETE`, `FAIL`, `RUNNING`, `WAITING` or `PRUNED`."""
    name: str
    """Of the trial; empty for one that another program has put there."""
    reason: str | None
    """Why it failed."""

    @property
    def is_charged(self) -> bool:
        """Whether it failed by itself; a failure without a reason was left by a driver that died."""
        return self.reason is not None and reason_of(self.reason).is_charged


def entries(path: Path, storage: "BaseStorage", study: int) -> list[Entry]:
    """Return every trial of a study in the order of entry; through Optuna where the tables are not as known."""
    with contextlib.suppress(sqlite3.Error, ValueError):
        return list(_from_tables(path, study))
    return from_storage(storage, study)


def _from_tables(path: Path, study: int) -> Iterator[Entry]:
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)) as connection:
        for number, state, name, reason in connection.execute(_ROWS, (study,)):
            yield Entry(id=number, state=state, name=json.loads(name or '""'), reason=json.loads(reason or "null"))


def from_storage(storage: "BaseStorage", study: int) -> list[Entry]:
    """Return the same through Optuna."""
    return [
        Entry(
            id=trial._trial_id,
            state=trial.state.name,
            name=trial.user_attrs.get("trial", ""),
            reason=trial.user_attrs.get("reason"),
        )
        for trial in storage.get_all_trials(study, deepcopy=False)
    ]


def storage_of(root: Path) -> str:
    """Return the URL of the storage that belongs to a folder of trials."""
    return f"sqlite:///{root.parent / FILE}"


@contextlib.contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn what Optuna and its database raise into one sentence. Raises UserError, DiskFullError."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError, sqlite3.Error) as error:
        causes = [each for each in (error, error.__cause__, error.__context__) if each is not None]
        if any(is_full(each) for each in causes):
            raise DiskFullError(f"there is no room for {path}: make room and run the same command again") from None
        reason = str(causes[-1]).strip().partition("\n")[0]
        raise UserError(
            f"{path} cannot be used ({reason}): what was finished is in the trial folders; if it is damaged, move it "
            "away, and the same command makes it again from them"
        ) from None


class OptunaStore:
    """A study whose trials are entered one by one as workers become free: nothing is sampled twice or skipped."""

    def __init__(self, storage: "BaseStorage", study: int, held: Iterable[Entry], path: Path = Path(FILE)) -> None:
        self._storage, self._study, self._path = storage, study, path
        self._open: dict[str, int] = {}
        self._complete: set[str] = set()
        self._failures: Counter[str] = Counter()
        self._reconcile(held)

    @classmethod
    def open(cls, out: Path, name: str) -> "OptunaStore":
        """Open or create the study in `<out>/optuna.db`. The caller holds the driver's lock."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        path = (out / FILE).absolute()
        with guarded(path):
            # Other studies of this folder may start at this moment: one of them makes the tables.
            with FileLock(path.parent / LOCKS / f"{FILE}.lock"):
                enable_wal(path)
                require_sqlite(path)
                storage = optuna.storages.get_storage(f"sqlite:///{path}")
                optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
            study = storage.get_study_id_from_name(name)
            return cls(storage, study, entries(path, storage, study), path)

    def _reconcile(self, held: Iterable[Entry]) -> None:
        """Take up what earlier drivers left: whoever holds the lock knows that a trial that has not ended is dead."""
        from optuna.trial import TrialState

        for entry in held:
            if entry.state == TrialState.COMPLETE.name:
                self._complete.add(entry.name)
            elif not TrialState[entry.state].is_finished():
                self._storage.set_trial_state_values(entry.id, TrialState.FAIL)
            elif entry.state == TrialState.FAIL.name and entry.is_charged:
                self._failures[entry.name] += 1

    def is_complete(self, trial: Trial) -> bool:
        return trial.name in self._complete

    def failures(self, trial: Trial) -> int:
        """Return how often the trial failed by itself; being interrupted does not count."""
        return self._failures[trial.name]

    def start(self, trial: Trial, fields: Mapping[str, Value]) -> None:
        """Enter the cell as running, at once. `fields` are the varied fields and the seed, by dotted name."""
        from optuna.trial import TrialState, create_trial

        # Optuna has no distribution of texts, such as the file that recipe.weights names or a part of one's own: they
        # are attributes.
        texts = {name: value for name, value in fields.items() if field_types()[name] is str or is_own(str(value))}
        params = {name: value for name, value in fields.items() if name not in texts}
        entry = create_trial(
            state=TrialState.RUNNING,
            params=params,
            distributions={name: _distribution(name) for name in params},
            user_attrs={"trial": trial.name, "attempt": self.failures(trial) + 1, **texts},
        )
        try:
            with guarded(self._path):
                self._open[trial.name] = self._storage.create_new_trial(self._study, entry)
        except ValueError as error:
            raise UserError(
                f"this study's {FILE} was made by a version with other values of its fields ({error}): "
                "give another --out"
            ) from None

    def complete(self, trial: Trial, result: Mapping[str, Any]) -> None:
        """Record the result. The value is the validation error, so that nothing can be picked by the test set."""
        from optuna.trial import TrialState

        entry = self._open.pop(trial.name)
        with guarded(self._path):
            self._storage.set_trial_user_attr(entry, "result", json.dumps(dict(result)))
            self._storage.set_trial_state_values(entry, TrialState.COMPLETE, [float(result["val/error"])])
        self._complete.add(trial.name)

    def fail(self, trial: Trial, reason: str) -> None:
        """Record a failure and why."""
        from optuna.trial import TrialState

        entry = self._open.pop(trial.name)
        with guarded(self._path):
            self._storage.set_trial_user_attr(entry, "reason", reason)
            self._storage.set_trial_state_values(entry, TrialState.FAIL)
        if reason_of(reason).is_charged:
            self._failures[trial.name] += 1


def _distribution(name: str) -> "BaseDistribution":
    """Return a distribution of a field that never depends on the levels of one launch."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if values := choices(name):
        return CategoricalDistribution(values)
    if field_types()[name] is int or name == "seed":
        return IntDistribution(0, 2**31 - 1)
    return FloatDistribution(-1e30, 1e30)
