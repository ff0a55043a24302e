"""The local SQLite database: created atomically, validated before MLflow opens it."""

import contextlib
import os
import sqlite3
import tempfile
import time
import uuid
from importlib import metadata
from pathlib import Path

from resnet_lab.errors import UserError
from resnet_lab.system import cache
from resnet_lab.tracking.client import connect

_SCHEME = "sqlite:///"
FOLDER = "mlflow"  # of the cache


def sqlite_uri(path: Path) -> str:
    """Return the absolute URI of a database file. Raises UserError for a path that a URI cannot carry."""
    absolute = path.absolute()
    if any(sign in str(absolute) for sign in "?#%"):
        raise UserError(f"MLflow cannot open a database at {absolute}: choose a path without ? # and %")
    return f"{_SCHEME}{absolute}"


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite URI, or None for any other store."""
    path = uri.removeprefix(_SCHEME)
    return Path(path).absolute() if uri.startswith(_SCHEME) and path not in ("", ":memory:") else None


def ensure_database(path: Path) -> None:
    """Make the database where there is none, and check one that is there. Raises UserError.

    mlflow's 60 migrations write the file hundreds of times: they run in memory-backed storage where there is
    some, and the finished file is moved into place. A process killed here leaves no half-migrated database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size:
            _check(path)
        else:
            _create(path)
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path} is not a usable SQLite database ({error}): move it away") from None
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror}): choose another folder with --out") from None


def _check(path: Path) -> None:
    """Validate it first: mlflow retries a file that it cannot read for almost two minutes."""
    if not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError(13, "no permission to write it")
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _create(path: Path) -> None:
    memory = "/dev/shm"  # a folder of our own is made in it
    fast = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="resnet-lab-", dir=fast) as folder:
        built = Path(folder) / "mlflow.db"
        if not _take_template(built):
            connect(sqlite_uri(built))
            cache.keep(FOLDER, _template(), built.read_bytes())
        _point_default_experiment(built, path.parent / "artifacts" / "0")
        _put(built, path)


def _template() -> str:
    """An empty database of this version of mlflow: the migrations are the same for each, and take seconds."""
    return f"empty-{metadata.version('mlflow')}.db"


def _take_template(target: Path) -> bool:
    """Copy the template, if there is one and it is whole."""
    content = cache.read(FOLDER, _template())
    if content is not None:
        target.write_bytes(content)
    return content is not None


def _point_default_experiment(database: Path, artifacts: Path) -> None:
    """mlflow has placed its own (unused) experiment 0 relative to the working directory, when the template was made."""
    now = time.time_ns() // 1_000_000
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = ?, creation_time = ?, last_update_time = ?",
            (artifacts.absolute().as_uri(), now, now),
        )


def _put(source: Path, target: Path) -> None:
    """Copy into the target's folder and move into place, durably; a database made meanwhile is kept."""
    partial = target.with_name(f".{target.name}-{uuid.uuid4().hex}.tmp")
    try:
        with partial.open("xb") as stream:
            stream.write(source.read_bytes())
            stream.flush()
            os.fsync(stream.fileno())
        _move_unless_made(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _move_unless_made(partial: Path, target: Path) -> None:
    try:
        os.link(partial, target)
    except FileExistsError:
        if not target.stat().st_size:
            partial.replace(target)
    except OSError:  # a file system without hard links
        partial.replace(target)
