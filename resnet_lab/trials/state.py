"""State of a trial on its way: its session's, the trial it belongs to, its history, and what computed it.

One file holds it all, so that no part is newer than another; `history.jsonl` is written from it. Where it is damaged
it is set aside, and the state before it is taken: an epoch is trained again, not the trial.
"""

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_lab.outcomes import Reason, reason_for
from resnet_lab.trials.notices import Kind, add_notice, set_aside
from resnet_lab.trials.signature import Json
from resnet_lab.trials.trial import Trial

if TYPE_CHECKING:
    from resnet_lab.engine.session import Session

_TRIAL = "trial"  # beside the session's own parts
_DAMAGE = (ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError, EOFError, pickle.PickleError)
"""What reading and restoring a damaged state can raise; a file that may not be read is no damaged one."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a trial is: the records of its epochs, and what computed them from which epoch on."""

    history: list[Json] = field(default_factory=list)
    engines: list[Json] = field(default_factory=list)
    """{"from_epoch", "step", "kernels", "compiler"}, one entry and one more for each change."""
    start: Json | None = None
    """The starting point's digests, as start.json has them; None in states of earlier versions."""

    def state(self, trial: Trial, session: "Session") -> Json:
        """Return what is to be saved."""
        own = {"name": trial.name, "history": self.history, "engines": self.engines, "start": self.start}
        own |= {"data": session.data.sha256}
        return session.state() | {_TRIAL: json.dumps(own)}  # text: one entry, however long the history


def resume(trial: Trial, make_session: "Callable[[], Session]") -> "tuple[Session, Progress]":
    """Return a session at the trial's last sound state, or at its start, and its progress so far.

    A damaged state, or one of another trial or of other images, is set aside. Raises OSError where a state may not be
    read.
    """
    session, progress = make_session(), None
    for path in (trial.state_file, trial.earlier_state_file):
        if progress is None and path.exists():
            progress = _restored(trial, session, path)
            session = make_session() if progress is None else session
    progress = progress or Progress()
    note_engine(trial, session, progress, since=session.epoch + 1)
    return session, progress


def _restored(trial: Trial, session: "Session", path: Path) -> Progress | None:
    """Restore a session from a state's file and return the progress; None where it is damaged, and set aside."""
    from resnet_lab.engine.resume import load_state

    try:
        state = load_state(path)
        if state is None:
            raise ValueError("is damaged")
        progress = _progress(trial, state, images=session.data.sha256)
        session.restore(state)
    except IsADirectoryError:
        set_aside(path, "is a folder")
    except _DAMAGE as error:
        if reason_for(error) == Reason.OUT_OF_MEMORY:
            raise
        known = type(error) is ValueError
        set_aside(path, str(error) if known else f"cannot be restored ({type(error).__name__})")
    else:
        return progress
    return None


def _progress(trial: Trial, state: Json, *, images: str) -> Progress:
    """Return the progress that a state holds. Raises ValueError where it is not this trial's, or not whole.

    `images` is the digest of those that the trial has now: epochs on others are not part of it. States of earlier
    versions hold none of it: their history is in history.jsonl, which must have all their epochs, their digest in
    env.json.
    """
    epoch = state["epoch"]
    own: Json = {"name": trial.name, "history": trial.history()[:epoch]}
    if _TRIAL in state:
        own = json.loads(state[_TRIAL])
    if own["name"] != trial.name:
        raise ValueError(f"is of another trial, {own['name']}")
    recorded = own.get("data") or (trial.environment().get("data") or {}).get("sha256")
    if recorded not in (None, images):
        raise ValueError(f"is of other images (SHA-256 {recorded[:12]}, now {images[:12]})")
    if len(own["history"]) != epoch:
        raise ValueError(f"is after {epoch} epochs, and {len(own['history'])} are recorded")
    return Progress(history=own["history"], engines=own.get("engines", []), start=own.get("start"))


def note_engine(trial: Trial, session: "Session", progress: Progress, *, since: int) -> None:
    """Record what computes from epoch `since` on; a change in mid-trial changes the rounding, so it is reported."""
    now = {"step": session.mode, "kernels": session.kernels, "compiler": session.compiler}
    before = _last_engine(progress.engines) or (_recorded_engine(trial) if since > 1 else None)
    if before is not None:
        changed = [f"{before[name]} -> {now[name]}" for name in _differing(before, now)]
        if not changed:
            return
        where = f"from epoch {since} on, other rounding"
        add_notice(trial.folder, Kind.ENGINE_CHANGED, f"{trial.name}: {'; '.join(changed)}: {where}")
        progress.engines = progress.engines or [{"from_epoch": 1, **before}]
    progress.engines = [*progress.engines, {"from_epoch": since, **now}]


def _differing(before: Json, now: Json) -> list[str]:
    """Return what differs; a compiler where there is another one, not where other kernels have none."""
    differing = [name for name in before if before[name] != now[name]]
    return [name for name in differing if name != "compiler" or None not in (before[name], now[name])]


def _last_engine(engines: Sequence[Json]) -> Json | None:
    return _engine(engines[-1]) if engines else None


def _recorded_engine(trial: Trial) -> Json | None:
    """Return what computed a trial of an earlier version, by its env.json."""
    env: dict[str, Any] = trial.environment()
    return _engine(env) if {"step", "kernels"} <= env.keys() else None


def _engine(record: Json) -> Json:
    """Return what computed; earlier versions recorded no compiler."""
    return {name: record[name] for name in ("step", "kernels", "compiler") if name in record}
