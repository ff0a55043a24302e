"""Trial: one folder on disk that one worker fills and any process can read.

config.json        the spec by dotted names      history.jsonl   one record per epoch
env.json           code, machine, data SHA-256   resume.pt       the last finished epoch's state
model.safetensors  the trained network (+ .sha256)     test_correct.bin  which test images it got right (+ .sha256)
result.json        written last: the trial is complete           failure.json    why it is not
worker.log         what the worker printed                       worker.lock     held by the worker
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resnet_lab.errors import UserError
from resnet_lab.outcomes import Outcome, Reason, Status
from resnet_lab.provenance import MODEL_FILE
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import CONFIG_FILE, from_json
from resnet_lab.spec.fingerprint import trial_name

Json = dict[str, Any]

HISTORY_FILE, ENVIRONMENT_FILE, RESULT_FILE, FAILURE_FILE = "history.jsonl", "env.json", "result.json", "failure.json"


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
    def state_file(self) -> Path:
        return self.folder / "resume.pt"

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

    def result(self) -> Json | None:
        """Return the final figures, or None while the trial is not complete."""
        return _read(self.result_file)

    def failure(self) -> Json | None:
        """Return {"reason", "detail"} of the last attempt, or None where it did not fail."""
        return _read(self.failure_file)

    def outcome(self) -> Outcome:
        """Return how the trial stands.

        Earlier versions recorded every error of the user's as refused, which is final; their traceback holds which of
        the two it was.
        """
        result = self.result()
        if result is not None:
            return Outcome(status=Status.COMPLETE, result=result)
        failure = self.failure()
        if failure is None:
            return Outcome(status=Status.MISSING)
        reason, detail = str(failure["reason"]), str(failure.get("detail", ""))
        if reason == Reason.REFUSED and "UserError:" in failure.get("traceback", ""):
            reason = Reason.USER_ERROR
        return Outcome(status=Status.FAILED, reason=reason, detail=detail)

    def environment(self) -> Json:
        """Return env.json, or {} before the trial has begun."""
        return _read(self.environment_file) or {}

    def history(self) -> list[Json]:
        """Return the finished epochs; a line torn by a kill is not one."""
        path = self.history_file
        records = []
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return records


def read_trial(folder: Path) -> Trial:
    """Return the trial kept in a folder. Raises UserError where there is none."""
    try:
        spec = from_json((folder / CONFIG_FILE).read_text())
    except OSError:
        raise UserError(f"{folder} holds no trial: give a folder with a {CONFIG_FILE}") from None
    return Trial(root=folder.parent, spec=spec)


def _read(path: Path) -> Json | None:
    try:
        content: Json = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return content
