"""SQLite for one writer: WAL and `synchronous=NORMAL`, so that a commit does not wait for the disk.

A process that dies at any moment loses nothing; a machine that loses power loses the last seconds of the database and
never its integrity. The trials' own folders are synced file by file; the next launch adds what the database lacks.
"""

import contextlib
import sqlite3
from functools import cache
from pathlib import Path
from typing import Any

from resnet_lab.errors import UserError

LOG_PAGES = 8_000
"""Of 4 kB: then the log goes into the database, which waits for the disk. SQLite's own 1,000 cost 2 ms per trial."""


def enable_wal(path: Path) -> None:
    """Put a database of our own into WAL mode, creating the file if need be; without effect where that fails."""
    # Another program may be reading, the file system may lack the shared memory that a log needs, or it is no database.
    with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(path, timeout=20)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
    _relax_commits()


def require_sqlite(path: Path) -> None:
    """Raise UserError where a file is there and is no database that can be read: libraries answer with tracebacks."""
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as opened:
            (found,) = opened.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        reason = found.strip().splitlines()[-1]
        raise UserError(
            f"{path} is not a usable SQLite database ({reason}): move it away, and the same command makes it again"
        )


@cache
def _relax_commits() -> None:
    """Set `synchronous=NORMAL` on every WAL connection that SQLAlchemy opens from now on."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", _relax)


def _relax(connection: Any, record: Any) -> None:  # noqa: ARG001  # SQLAlchemy's
    # Without a log, as in a user's own database, this could cost its integrity.
    if isinstance(connection, sqlite3.Connection) and _mode(connection) == "wal":
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")


def _mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
