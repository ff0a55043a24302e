"""The local database: created atomically, validated, and refused where damaged."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from resnet_lab.errors import UserError
from resnet_lab.tracking import database
from resnet_lab.tracking.database import ensure_database, sqlite_path, sqlite_uri


def test_a_uri_and_its_path_are_inverse(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "mlflow.db"
    assert sqlite_path(sqlite_uri(path)) == path
    assert sqlite_path("http://127.0.0.1:5000") is None
    assert sqlite_path("sqlite:///:memory:") is None


@pytest.mark.parametrize("sign", ["?", "#", "%"])
def test_a_path_that_no_uri_carries_is_refused(sign: str) -> None:
    with pytest.raises(UserError, match="choose a path without"):
        sqlite_uri(Path(f"runs{sign}1/mlflow.db"))


def test_a_new_database_is_whole_and_alone(empty_database: Path) -> None:
    with sqlite3.connect(empty_database) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        default = connection.execute("SELECT artifact_location FROM experiments").fetchall()
    connection.close()
    assert {"runs", "tags", "params", "latest_metrics", "logged_models", "alembic_version"} <= tables
    assert default == [((empty_database.parent / "artifacts" / "0").as_uri(),)]
    assert list(empty_database.parent.iterdir()) == [empty_database]


def test_a_driver_killed_while_it_makes_the_database_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "_put", killed)
    with pytest.raises(KeyboardInterrupt):
        ensure_database(tmp_path / "mlflow.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [None, b"", b"no database, " * 400, "cut"])
def test_the_migrations_run_once_for_all_folders_and_again_where_the_template_is_damaged(
    damage: bytes | str | None, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made: list[str] = []

    def make(uri: str) -> None:  # what mlflow leaves
        made.append(uri)
        Path(uri.removeprefix("sqlite:///")).write_bytes(empty_database.read_bytes())

    monkeypatch.setattr(database, "connect", make)
    ensure_database(tmp_path / "a" / "mlflow.db")
    (template,) = (tmp_path / "cache" / "resnet-lab" / "mlflow").glob("*.db")
    if damage is not None:
        template.write_bytes(template.read_bytes()[:50_000] if damage == "cut" else bytes(damage))
    ensure_database(tmp_path / "b" / "mlflow.db")
    assert len(made) == (1 if damage is None else 2)
    with contextlib.closing(sqlite3.connect(tmp_path / "b" / "mlflow.db")) as connection:
        default = connection.execute("SELECT artifact_location FROM experiments").fetchall()
    assert default == [((tmp_path / "b" / "artifacts" / "0").as_uri(),)]


def test_a_database_made_meanwhile_is_kept(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "mlflow.db"
    source.write_bytes(b"mine")
    target.write_bytes(b"theirs")
    database._put(source, target)
    assert target.read_bytes() == b"theirs"
    target.write_bytes(b"")
    database._put(source, target)
    assert target.read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_is_no_database_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"this is a text, not a database, " * 40)
    with pytest.raises(UserError, match="not a usable SQLite database"):
        ensure_database(path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another folder with --out"):
        ensure_database(tmp_path / "file" / "mlflow.db")
