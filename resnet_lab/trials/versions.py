"""Versions of the code that trained trials: what mixes them, and setting aside what other code has trained.

env.json names the code by the digest of its files (`code_sha256`), and where a trial went on from epochs that other
code had trained, that too (`earlier_code_sha256`). Trials of earlier versions name none.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from resnet_lab.outcomes import reason_of
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings

CODE, EARLIER = "code_sha256", "earlier_code_sha256"
UNRECORDED = "unrecorded"
"""Stands for the code of a trial that names none."""
FOLDER = "superseded"
"""Folder under `--out` of the trials that were set aside."""
DIGITS = 12
"""Hex digits of a digest that a sentence shows."""


def codes_of(environment: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the digests of all code that trained a trial, in order, from its env.json; none before it has begun."""
    if not environment:
        return ()
    return (*environment.get(EARLIER, ()), environment.get(CODE) or UNRECORDED)


def earlier_code(before: Mapping[str, Any], settings: WorkerSettings) -> dict[str, list[str]]:
    """Return what env.json says besides where a trial goes on from epochs that other code trained.

    `before` is the env.json of the attempt that trained them.
    """
    others = [code for code in codes_of(before) if code != settings.environment.get(CODE)]
    return {EARLIER: others} if others else {}


def is_of_other_code(trial: Trial, code: str) -> bool:
    """Return whether what a trial's folder holds is not of this code alone."""
    return _holds(trial) and codes_of(trial.environment()) != (code,)


def _holds(trial: Trial) -> bool:
    """Whether a trial's folder holds a result, epochs to go on from, or a failure that is final."""
    if trial.result_file.exists() or trial.state_file.exists():
        return True
    return reason_of((trial.failure() or {}).get("reason")).is_final


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """By which code the trials of a study are trained: those on disk, and those still to run."""

    today: str
    """The digest of the code that runs now."""
    trained: Counter[str]
    """Trials with a result or epochs by the code that trained them; by several, ` then ` between."""
    to_run: int
    """Trials without a result."""

    @classmethod
    def of(cls, trials: Iterable[Trial], today: str) -> "Versions":
        """Read the trials' folders."""
        trained: Counter[str] = Counter()
        to_run = 0
        for trial in trials:
            to_run += not trial.result_file.exists()
            if _holds(trial):
                trained[" then ".join(codes_of(trial.environment()) or (UNRECORDED,))] += 1
        return cls(today=today, trained=trained, to_run=to_run)

    @property
    def are_mixed(self) -> bool:
        """Whether the study's trials would be, or are, of several versions of the code."""
        every = {code for name in self.trained for code in name.split(" then ")}
        return len(every | ({self.today} if self.to_run else set())) > 1

    def line(self) -> str:
        """Return in a line which versions would be mixed and what to do; nothing where none are."""
        if not self.are_mixed:
            return ""
        counted = count_text(self.trained, self.today)
        rest = f"; {self.to_run} are still to be trained by today's" if self.to_run else ""
        return f"versions: this study mixes versions of the code: {counted}{rest}; --fresh trains all by today's"


def count_text(trained: Mapping[str, int], today: str = "") -> str:
    """Return `12 trials by 0123456789ab, 4 by code that was not recorded`; today's code is called so."""
    parts = [f"{count} by {_name(names, today)}" for names, count in sorted(trained.items())]
    return ", ".join([parts[0].replace(" by ", " trials by ", 1), *parts[1:]]) if parts else "no trials"


def _name(names: str, today: str) -> str:
    words = {UNRECORDED: "code that was not recorded", today: "today's"}
    return " then ".join(words.get(code, code[:DIGITS]) for code in names.split(" then "))


def set_aside(trials: Sequence[Trial], out: Path, code: str) -> list[Trial]:
    """Move the folders of trials that other code trained to `<out>/superseded`; return those trials.

    Nothing is deleted. One that another study's worker is training now stays where it is.
    """
    return [trial for trial in trials if is_of_other_code(trial, code) and _moved(trial, out / FOLDER)]


def _moved(trial: Trial, folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    number = 1 + sum(1 for _ in folder.glob(f"{trial.name}.*"))
    try:
        with FileLock(trial.lock_file, timeout=0):
            os.replace(trial.folder, folder / f"{trial.name}.{number}")
    except Timeout:
        return False
    return True
