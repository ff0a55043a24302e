"""SQLite databases that one driver writes a thousand times: a commit that waits for no disk.

With a write-ahead log and `synchronous=NORMAL`, a process that dies at any moment loses nothing, and a machine that
loses its power loses the last seconds of the books and never their integrity. The trials' own folders are synced file
by file; the next launch enters in the books what they lack.
"""

import contextlib
import sqlite3
from functools import cache
from pathlib import Path
from typing import Any

LOG_PAGES = 8_000
"""Of 4 kB: then the log goes into the database, which waits for the disk. SQLite's own 1,000 cost 2 ms a trial."""


def enable_wal(path: Path) -> None:
    """Give a database of our own a write-ahead log, making the file if need be; it stays as it is where it cannot."""
    # Another program may be reading, or the file system may lack the shared memory that a log needs.
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(path, timeout=20)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
    _relax_commits()


@cache
def _relax_commits() -> None:
    """Let every connection that SQLAlchemy opens from now on leave the syncing of a log to its checkpoints."""
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
