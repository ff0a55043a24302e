"""The driver's lock on its output folder: one driver per study, and who holds it."""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from resnet_lab.errors import UserError


@contextlib.contextmanager
def driver_lock(out: Path, study: str) -> Iterator[None]:
    """Hold the study's lock in its output folder. Raises UserError that names the holder.

    The system releases the lock when its holder dies, however that happens.
    """
    folder = out / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / f"{study}.holder.json"
    lock = FileLock(folder / f"{study}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{study} is already running in {out}{_name(holder)}: wait for it or choose another --out"
        ) from None
    try:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        holder.write_text(json.dumps({"pid": os.getpid(), "host": platform.node(), "since": since}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _name(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
    except (OSError, json.JSONDecodeError):
        return ""
    return f" (process {who['pid']} on {who['host']}, since {who['since']})"


def require_writable(out: Path) -> None:
    """Raise UserError where the folder, made if it is not there, takes no files."""
    probe = out / f".write-test-{os.getpid()}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to {out} ({error.strerror}): choose another --out") from None
