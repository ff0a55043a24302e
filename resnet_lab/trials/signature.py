"""Signature of a trial's result: the SHA-256 of its name, its figures and the files that go with them, and their check.

A result is believed where its own digest is right, its figures agree with each other, and config, environment, starting
point, history, model and record of the test images are those it was written with. A file that nobody has touched since
the result was written is not hashed again: its size and time are those it was signed with, and its status change time,
which no program can set, is before the result's.

Results of earlier versions have no signature. Their figures must agree, and what was touched since is held to what
they do say: the model's digest, the last epoch's figures, the folder's name.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from resnet_lab.errors import UserError
from resnet_lab.metrics import TEST_ERROR, VAL_ERROR
from resnet_lab.provenance import MODEL_FILE
from resnet_lab.spec.fields import CONFIG_FILE, from_json
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.system import atomic
from resnet_lab.trials import batch_record, image_record
from resnet_lab.trials.notices import NOTICES_FILE

Json = dict[str, Any]
HISTORY_FILE, ENVIRONMENT_FILE, START_FILE, RESULT_FILE = "history.jsonl", "env.json", "start.json", "result.json"
START_FILE = "start.json"
SIGNED = (
    *(CONFIG_FILE, ENVIRONMENT_FILE, START_FILE, HISTORY_FILE, batch_record.FILE, NOTICES_FILE),
    *(MODEL_FILE, f"{MODEL_FILE}.sha256", image_record.FILE, f"{image_record.FILE}.sha256"),
)
"""The files that a result is signed with, those of them that there are."""
_TRIAL, _FILES, _STAMPS, _DIGEST = "trial", "files", "stamps", "digest"
_BEFORE_SIGNATURES = frozenset(
    {TEST_ERROR, "test/wrong", "test/images", "test/loss", "train/loss", "train/error", "val/loss", VAL_ERROR}
    | {"time/train_s", "epochs", "selected_epoch", "iterations", "sha256"}
)
"""The keys that results without a signature can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A trial's result as far as it can be believed."""

    result: Json | None = None
    """The final figures; None where there is no result, or a damaged one."""
    file: str = ""
    """The file that is damaged or gone, empty where none is."""
    fault: str = ""
    """What is wrong with it."""
    is_signed: bool = True
    """False for a sound result of an earlier version."""


class _DamagedError(ValueError):
    """A result that is not to be believed: the file at fault, and what is wrong with it."""

    def __init__(self, file: str, fault: str) -> None:
        super().__init__(file, fault)
        self.file, self.fault = file, fault


def sign(folder: Path, figures: Mapping[str, Any]) -> Json:
    """Return a result to be written: figures, the trial's name, the SHA-256 of its files, and that of all of it."""
    files = {name: _sha256(folder / name) for name in SIGNED if (folder / name).is_file()}
    stamps = {name: _stamp(folder / name) for name in files}
    content = {**figures, _TRIAL: folder.name, _FILES: files, _STAMPS: stamps}
    return {**content, _DIGEST: _digest(content)}


def check(folder: Path) -> Checked:
    """Return the result of a trial's folder, checked. Raises UserError where the folder cannot be read."""
    path = folder / RESULT_FILE
    try:
        raw = path.read_bytes()
        written = path.stat().st_ctime_ns
    except (FileNotFoundError, IsADirectoryError) as error:
        return Checked() if isinstance(error, FileNotFoundError) else Checked(file=RESULT_FILE, fault="is a folder")
    except OSError as error:  # a file in the folder's place, or one that may not be read
        raise UserError(f"cannot read {path} ({error.strerror}): move away what stands there") from None
    try:
        content = _parse(raw)
        _check_figures(content)
        is_signed = _DIGEST in content
        (_check_signed if is_signed else _check_unsigned)(folder, content, written)
    except _DamagedError as damage:
        return Checked(file=damage.file, fault=damage.fault)
    figures = {name: value for name, value in content.items() if name not in (_TRIAL, _FILES, _STAMPS, _DIGEST)}
    return Checked(result=figures, is_signed=is_signed)


def _parse(raw: bytes) -> Json:
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        raise _DamagedError(RESULT_FILE, "is not JSON") from None
    if not isinstance(content, dict):
        raise _DamagedError(RESULT_FILE, "is no JSON object")
    return content


def _check_figures(content: Json) -> None:
    for name in (TEST_ERROR, VAL_ERROR):
        if not _is_number(content.get(name)):
            raise _DamagedError(RESULT_FILE, f"has no {name}")
    if not isinstance(content.get("sha256"), str):
        raise _DamagedError(RESULT_FILE, "has no digest of the model")
    wrong, images = content.get("test/wrong"), content.get("test/images")
    if wrong is None and images is None:
        return
    if not (isinstance(wrong, int) and isinstance(images, int) and images):
        raise _DamagedError(RESULT_FILE, "does not count the test images")
    if abs(content[TEST_ERROR] - 100 * wrong / images) > 1e-9:
        raise _DamagedError(RESULT_FILE, f"{TEST_ERROR} is not that of {wrong} wrong of {images} images")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_signed(folder: Path, content: Json, written: int) -> None:
    rest = {name: value for name, value in content.items() if name != _DIGEST}
    if _digest(rest) != content[_DIGEST]:
        raise _DamagedError(RESULT_FILE, "is not as it was written: its digest is another")
    if content.get(_TRIAL) != folder.name:  # newer than the files around it, it would vouch for them
        raise _DamagedError(RESULT_FILE, f"is of another trial, {content.get(_TRIAL)}")
    for name, digest in content[_FILES].items():
        path = folder / Path(name).name  # of this folder, whatever the file says
        # A result that was put back is newer than a file that was altered before: the file's stamp is asked, too.
        since = written if _is_stamped(path, content.get(_STAMPS, {}).get(name)) else 0
        _require(path, since, partial(_has_digest, path, digest))
    if content[_FILES].get(MODEL_FILE) != content["sha256"]:
        raise _DamagedError(RESULT_FILE, "names another model than it was signed with")


def _check_unsigned(folder: Path, content: Json, written: int) -> None:
    """Hold a result of an earlier version to what it says."""
    if more := sorted(content.keys() - _BEFORE_SIGNATURES):
        raise _DamagedError(
            RESULT_FILE, f"is not signed, and has {', '.join(more)[:100]}, which no earlier version wrote"
        )
    model, config, history = folder / MODEL_FILE, folder / CONFIG_FILE, folder / HISTORY_FILE
    _require(model, written, partial(_has_digest, model, content["sha256"]))
    recorded = atomic.digest_path(model)  # compared whenever it was written: the result does not name its trial
    _require(recorded, 0, lambda: recorded.read_bytes().startswith(content["sha256"].encode()))
    _require(config, written, lambda: name_of(config) == folder.name)
    if history.exists():
        _require(history, written, lambda: _agrees(history, content))


def _require(path: Path, written: int, is_intact: Callable[[], bool]) -> None:
    """Raise _DamagedError where a file is gone, or touched since the result was written and not intact."""
    try:
        if path.stat().st_ctime_ns < written or is_intact():
            return
    except FileNotFoundError:
        raise _DamagedError(path.name, "is gone") from None
    except OSError as error:
        raise _DamagedError(path.name, f"cannot be read ({error.strerror})") from None
    raise _DamagedError(path.name, "is not as it was when the result was written")


def name_of(config: Path) -> str:
    """Return the name that a config gives its folder; empty where it holds no spec. Raises OSError."""
    try:
        return trial_name(from_json(config.read_text(errors="replace")))
    except UserError:
        return ""


def _agrees(history: Path, content: Json) -> bool:
    """Whether a history has the epochs of a result, and its last figures."""
    records = read_history(history.read_bytes())
    selected = content.get("selected_epoch", len(records))
    return len(records) == content.get("epochs") and records[selected - 1].get(VAL_ERROR) == content[VAL_ERROR]


def read_history(raw: bytes) -> list[Json]:
    """Return the epochs of a history's bytes, up to the first line that is not the next epoch's."""
    records: list[Json] = []
    for line in raw.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(record, dict) or record.get("epoch") != len(records) + 1:
            break
        records.append(record)
    return records


def _stamp(path: Path) -> list[int]:
    """Return a file's size and the time it was last written, in bytes and nanoseconds."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _is_stamped(path: Path, stamp: object) -> bool:
    try:
        return _stamp(path) == stamp
    except OSError:  # `_require` says what is wrong
        return False


def _has_digest(path: Path, digest: object) -> bool:
    return _sha256(path) == digest


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(content: Json) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
