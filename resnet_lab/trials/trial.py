"""Trial: one folder on disk that one worker fills and any process can read.

config.json        the spec by dotted names      history.jsonl   one record per epoch, as the state has them
env.json           machine, SHA-256 of code and data     resume.pt   the last finished epoch's state, with the history
start.json         digests of its start: parameters, order, first mini-batch     resume.pt.1   the state before that
model.safetensors  the trained network (+ .sha256)     notices.jsonl    what was repaired on the way
test_correct.bin   which test images it got right (+ .sha256)     batches.jsonl   accuracy by mini-batch, if asked for
result.json        written last, signed: the trial is complete   failure.json    why it is not
worker.log         what the worker printed                       worker.lock     held by the worker

How each is checked: `resnet_lab.trials.signature` for a complete trial, `resnet_lab.trials.state` for one on its way.
What is damaged is set aside as `<name>.damaged` and made again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from resnet_lab.errors import UserError
from resnet_lab.outcomes import Outcome, Reason, Status
from resnet_lab.provenance import MODEL_FILE
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import CONFIG_FILE, from_json
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.trials.notices import Notice, read_notices
from resnet_lab.trials.signature import (
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    RESULT_FILE,
    START_FILE,
    Checked,
    Json,
    check,
    read_history,
)

FAILURE_FILE = "failure.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A trial's folder, `<root>/<fingerprint>-seed<k>`. Nothing in its name comes from the user."""

    root: Path
    spec: RunSpec

    @property
    def name(self) -> str:
        return trial_name(self.spec)

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def config_file(self) -> Path:
        return self.folder / CONFIG_FILE

    @property
    def history_file(self) -> Path:
        return self.folder / HISTORY_FILE

    @property
    def environment_file(self) -> Path:
        return self.folder / ENVIRONMENT_FILE

    @property
    def start_file(self) -> Path:
        return self.folder / START_FILE

    @property
    def state_file(self) -> Path:
        return self.folder / "resume.pt"

    @property
    def earlier_state_file(self) -> Path:
        return self.folder / "resume.pt.1"

    @property
    def model_file(self) -> Path:
        return self.folder / MODEL_FILE

    @property
    def result_file(self) -> Path:
        return self.folder / RESULT_FILE

    @property
    def failure_file(self) -> Path:
        return self.folder / FAILURE_FILE

    @property
    def log_file(self) -> Path:
        return self.folder / "worker.log"

    @property
    def lock_file(self) -> Path:
        return self.folder / "worker.lock"

    def check(self) -> Checked:
        """Return the result as far as it can be believed. Raises UserError where the folder cannot be read."""
        return check(self.folder)

    def result(self) -> Json | None:
        """Return the final figures, or None while the trial is not complete: it has no result, or a damaged one."""
        return self.check().result

    def failure(self) -> Json | None:
        """Return {"reason", "detail"} of the last attempt, or None where it did not fail, or nobody can say why."""
        content = _read(self.failure_file)
        return content if content and isinstance(content.get("reason"), str) else None

    def outcome(self) -> Outcome:
        """Return how the trial stands.

        Earlier versions recorded every error of the user's as refused, which is final; their traceback holds which of
        the two it was.
        """
        checked = self.check()
        if checked.result is not None:
            return Outcome(status=Status.COMPLETE, result=checked.result, is_signed=checked.is_signed)
        failure = self.failure()
        if failure is None:
            return Outcome(status=Status.MISSING)
        reason, detail = failure["reason"], str(failure.get("detail", ""))
        if reason == Reason.REFUSED and "UserError:" in str(failure.get("traceback", "")):
            reason = Reason.USER_ERROR
        return Outcome(status=Status.FAILED, reason=reason, detail=detail)

    def environment(self) -> Json:
        """Return env.json, or {} before the trial has begun."""
        return _read(self.environment_file) or {}

    def history(self) -> list[Json]:
        """Return the finished epochs; a line torn by a kill is not one, nor is what follows it."""
        try:
            return read_history(self.history_file.read_bytes())
        except OSError:
            return []

    def notices(self) -> Sequence[Notice]:
        """Return what was found damaged and repaired, and which changes the trial went through."""
        return read_notices(self.folder)


def read_trial(folder: Path) -> Trial:
    """Return the trial kept in a folder. Raises UserError where there is none."""
    try:
        spec = from_json((folder / CONFIG_FILE).read_text(errors="replace"))
    except OSError:
        raise UserError(f"{folder} holds no trial: give a folder with a {CONFIG_FILE}") from None
    return Trial(root=folder.parent, spec=spec)


def _read(path: Path) -> Json | None:
    """Return the object of a JSON file; None where there is no file, or no object in it."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
