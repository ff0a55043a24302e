"""What a ledger holds, straight from Optuna's tables: of 10,000 trials its own way builds 90,000 objects."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

_ROWS = """
SELECT trials.trial_id, trials.state, name.value_json, reason.value_json FROM trials
LEFT JOIN trial_user_attributes AS name ON name.trial_id = trials.trial_id AND name.key = 'trial'
LEFT JOIN trial_user_attributes AS reason ON reason.trial_id = trials.trial_id AND reason.key = 'reason'
WHERE trials.study_id = ? ORDER BY trials.trial_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One trial of the ledger, as far as the next launch must know it."""

    id: int
    state: str
    """`COMPLETE`, `FAIL`, `RUNNING`, `WAITING` or `PRUNED`."""
    name: str
    """Of the trial; empty for one that another program has put there."""
    reason: str | None
    """Why it failed."""


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
