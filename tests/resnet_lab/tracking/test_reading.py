"""Reading runs back: rows from SQL equal those of the client."""

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from resnet_lab.errors import UserError
from resnet_lab.tracking import DatasetRecord, Tracker, read_runs, reading


@pytest.fixture
def study(tracker: Tracker, digits: DatasetRecord) -> Tracker:
    """Three trials with every ending, and one that was deleted."""
    launch = tracker.start_launch("launch", {}, {"scale": "quick"})
    for number, end in enumerate(("FINISHED", "FAILED", "KILLED")):
        trial = launch.start_trial(f"cell-seed{number}", {"seed": number, "data.name": "digits"}, {}, digits)
        trial.log_epochs([{"epoch": epoch, "train/loss": 1.0 / epoch} for epoch in (1, 2)])
        trial.end(end)  # type: ignore[arg-type]  # each is a Status
    deleted = launch.start_trial("deleted", {}, {}, digits)
    deleted.end("FINISHED")
    tracker.client.delete_run(deleted.run_id)
    return tracker


def test_rows_are_the_trials_and_their_last_values(study: Tracker, out: Path) -> None:
    rows = {row["tags"]["trial"]: row for row in read_runs(out, study.study)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "cell-seed0": "FINISHED",
        "cell-seed1": "FAILED",
        "cell-seed2": "KILLED",
    }
    assert rows["cell-seed1"]["params"] == {"seed": "1", "data.name": "digits"}
    assert rows["cell-seed1"]["metrics"] == {"train/loss": 0.5}
    assert rows["cell-seed1"]["end_time"] >= rows["cell-seed1"]["start_time"]


def test_the_tables_and_the_client_give_the_same_rows(study: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    direct, finished = read_runs(study.uri, study.study), study.finished()
    monkeypatch.setattr(reading, "sqlite_path", lambda _: None)
    monkeypatch.setattr(reading, "_PAGE", 2)
    assert read_runs(study.uri, study.study) == direct
    assert study.finished() == finished != {}


def test_an_empty_study_has_no_rows(tracker: Tracker) -> None:
    assert read_runs(tracker.uri, "bn_placement") == []


def test_a_study_that_was_never_run_is_refused(out: Path) -> None:
    with pytest.raises(UserError, match="no study 'other'"):
        read_runs(out, "other")


def test_a_folder_without_a_database_is_refused_and_not_made(out: Path) -> None:
    with pytest.raises(UserError, match="there is no MLflow database"):
        read_runs(out / "nowhere", "bn_placement")
    assert not (out / "nowhere").exists()


def test_an_archive_without_write_permission_is_read_and_not_written(
    study: Tracker, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(sqlite3.connect(out / "mlflow.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    archive = out / "archive"
    archive.mkdir()
    shutil.copy(out / "mlflow.db", archive)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert read_runs(archive, study.study) == read_runs(out, study.study)
    assert [path.name for path in archive.iterdir()] == ["mlflow.db"]
