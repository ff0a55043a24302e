"""The driver's lock on its output folder: one driver per study, and who holds it."""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from resnet_lab.errors import UserError, printable

LOCKS = "locks"
"""Name of the folder of locks in an output folder."""


@contextlib.contextmanager
def driver_lock(out: Path, study: str) -> Iterator[None]:
    """Hold the study's lock in its output folder. Raises UserError that names the holder.

    The system releases the lock when its holder dies, however that happens.
    """
    folder = out / LOCKS
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UserError(f"{folder} is a file, where a folder for locks belongs: move it away") from None
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
    """Return who holds the lock, as far as its file says."""
    try:
        who = json.loads(holder.read_bytes())
        pid, host, since = (printable(str(who[name]))[:100] for name in ("pid", "host", "since"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f" (process {pid} on {host}, since {since})"


def require_writable(out: Path) -> None:
    """Raise UserError where the folder, made if it is not there, takes no files."""
    probe = out / f".write-test-{os.getpid()}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to {out} ({error.strerror}): choose another --out") from None
