"""Faults of the experiment databases: locked, damaged, made by several at once; never a traceback."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy.exc import OperationalError

from resnet_lab.errors import DiskFullError, UserError
from resnet_lab.runner.lock import driver_lock
from resnet_lab.tracking import Tracker
from resnet_lab.tracking.availability import answers
from resnet_lab.tracking.client import guarded as guarded_tracking
from resnet_lab.trials.trial import Trial
from studies.runner.optuna_store import FILE, OptunaStore, guarded
from tests.faults.conftest import SPEC


def test_four_first_starts_in_one_folder_make_the_tables_once(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda name: OptunaStore.open(tmp_path, name), ("a", "b", "c", "d")))
    assert len(stores) == 4
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("SELECT count(*) FROM studies").fetchone() == (4,)


@pytest.mark.parametrize("damage", ["garbage", "truncated", "a folder"])
def test_an_optuna_database_that_is_none_is_one_line(tmp_path, damage):
    OptunaStore.open(tmp_path, "a")
    path = tmp_path / FILE
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    for extra in tmp_path.glob(f"{FILE}-*"):
        extra.unlink()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"no database, " * 400 if damage == "garbage" else whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"optuna\.db.*move it away"):
        OptunaStore.open(tmp_path, "a")


def test_a_database_that_is_deleted_is_made_again(tmp_path):
    OptunaStore.open(tmp_path, "a")
    (tmp_path / FILE).unlink()
    OptunaStore.open(tmp_path, "a")


def test_a_full_disk_under_a_database_has_its_own_sentence(tmp_path):
    full = OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
    with pytest.raises(DiskFullError, match=r"no room for .*optuna\.db"), guarded(tmp_path / FILE):
        raise full
    with pytest.raises(DiskFullError, match="no room on its disk"), guarded_tracking("store the epochs"):
        raise full
    with pytest.raises(UserError, match=r"optuna\.db cannot be used \(.*locked") as caught, guarded(tmp_path / FILE):
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
    assert "\n" not in str(caught.value)


def test_an_optuna_database_that_is_locked_is_waited_for(tmp_path):
    store = OptunaStore.open(tmp_path, "a")
    trial = Trial(root=tmp_path / "trials", spec=SPEC)
    with ThreadPoolExecutor(1) as pool, closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = pool.submit(store.start, trial, {"seed": 0})
        with pytest.raises(TimeoutError):
            started.result(0.5)
        other.execute("ROLLBACK")
        started.result(60)
    store.complete(trial, {"val/error": 1.0})
    assert OptunaStore.open(tmp_path, "a").is_complete(trial)


def test_a_locked_database_is_away_and_a_free_one_answers(store_folder):
    client = Tracker.open(store_folder, "norm").client
    assert answers(client)
    with closing(sqlite3.connect(store_folder / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not answers(client)
    assert answers(client)


@pytest.mark.parametrize("content", ["{}", "[]", "3", "", "{", '{"pid": 1}', "[" * 100_000])
def test_a_holder_that_cannot_be_read_is_not_named(tmp_path, content):
    with driver_lock(tmp_path, "norm"):
        (tmp_path / "locks" / "norm.holder.json").write_text(content)
        with pytest.raises(UserError, match="is already running"), driver_lock(tmp_path, "norm"):
            pass


def test_a_file_in_the_place_of_the_locks_is_one_line(tmp_path):
    (tmp_path / "locks").touch()
    with pytest.raises(UserError, match="locks is a file"), driver_lock(tmp_path, "norm"):
        pass
