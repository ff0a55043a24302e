"""Databases of our own commit without waiting for the disk; others stay as their owners set them."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text

from resnet_lab.system.sqlite import enable_wal

NORMAL, FULL = 1, 2


def settings(path):
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
    engine.dispose()
    return found


@pytest.mark.parametrize("exists", [False, True])
def test_our_own_has_a_log_that_is_synced_at_checkpoints(tmp_path, exists):
    path = tmp_path / "ours.db"
    if exists:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE t (x)")
    enable_wal(path)
    assert settings(path) == ["wal", NORMAL]


def test_anothers_is_left_alone(tmp_path):
    enable_wal(tmp_path / "ours.db")
    assert settings(tmp_path / "theirs.db") == ["delete", FULL]


def test_one_that_is_being_written_stays_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "ours.db"
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda where, timeout: connect(where, timeout=0))  # noqa: ARG005  # not 20 s
    with closing(connect(path)) as writer:
        writer.execute("CREATE TABLE t (x)")
        writer.execute("BEGIN EXCLUSIVE")
        enable_wal(path)
    monkeypatch.undo()
    assert settings(path) == ["delete", FULL]
