"""Notices of a trial: what was found damaged in its folder and set aside, and what computes it since.

One JSON object per line in `notices.jsonl`; the driver reports each, and the report lists them.
"""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from resnet_lab.system import atomic

NOTICES_FILE = "notices.jsonl"


class Kind(StrEnum):
    """What a notice is about; also the tag that it gives the trial's run in MLflow."""

    REPAIRED = "repaired"
    """A file was damaged: it was set aside, and what it held is made again."""
    ENGINE_CHANGED = "engine_changed"
    """The rest of the trial is computed by other kernels, whose rounding differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One line about a trial, and the file it is about."""

    kind: Kind
    text: str
    file: str = ""
    when: str = ""


def add_notice(folder: Path, kind: Kind, text: str, file: str = "") -> None:
    """Add a notice to a trial's folder, and log it. Raises OSError, DiskFullError."""
    notice = Notice(kind=kind, text=text, file=file, when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))
    log(text)
    atomic.append(folder / NOTICES_FILE, (json.dumps(asdict(notice)) + "\n").encode())


def log(text: str) -> None:
    """Print a line: a worker's output is its log, and a log that cannot be written ends no trial."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def read_notices(folder: Path) -> Sequence[Notice]:
    """Return the notices of a trial's folder; lines that are none are left out."""
    try:
        lines = (folder / NOTICES_FILE).read_bytes().splitlines()
    except OSError:
        return ()
    return [notice for line in lines if (notice := _parse(line)) is not None]


def _parse(line: bytes) -> Notice | None:
    try:
        content = json.loads(line)
        return Notice(**{**content, "kind": Kind(content["kind"]), "text": str(content["text"])})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def set_aside(path: Path, fault: str) -> None:
    """Rename a damaged file to `<name>.damaged`, or the next free such name, with a notice. Raises OSError."""
    text = f"{path.parent.name}: {path.name} {fault}"
    if path.exists():
        kept = rename_damaged(path)
        text += f"; set aside as {kept.name}, and made again"
    else:
        text += "; made again"
    add_notice(path.parent, Kind.REPAIRED, text, path.name)


def rename_damaged(path: Path) -> Path:
    """Rename a file to `<name>.damaged`, or the next free such name, and return it. Raises OSError."""
    names = [f"{path.name}.damaged", *(f"{path.name}.damaged-{number}" for number in range(2, 1_000))]
    return path.rename(next(found for name in names if not (found := path.with_name(name)).exists()))
