"""The tracker of a study: opening, stale runs, other stores, error messages."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_lab.errors import UserError
from resnet_lab.tracking import DatasetRecord, Tracker, TrackingError, read_runs


def statuses(tracker: Tracker) -> dict[str, str]:
    found = tracker.client.search_runs([tracker.experiment_id])
    return {run.info.run_name: run.info.status for run in found}


def test_the_package_imports_without_mlflow() -> None:
    code = "import sys, resnet_lab.tracking; assert not {'mlflow', 'sqlalchemy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_study_is_an_experiment_with_absolute_places(tracker: Tracker, out: Path) -> None:
    experiment = tracker.client.get_experiment_by_name("bn_placement")
    assert experiment.experiment_id == tracker.experiment_id
    assert experiment.artifact_location == (out / "artifacts" / "bn_placement").as_uri()
    assert tracker.uri == f"sqlite:///{out}/mlflow.db"
    assert Tracker.open(out, "bn_placement").experiment_id == tracker.experiment_id


def test_a_deleted_experiment_comes_back(tracker: Tracker, out: Path) -> None:
    tracker.client.delete_experiment(tracker.experiment_id)
    assert Tracker.open(out, "bn_placement").experiment_id == tracker.experiment_id
    assert tracker.client.get_experiment(tracker.experiment_id).lifecycle_stage == "active"


def test_opening_is_quiet_and_sends_no_telemetry(out: Path) -> None:
    code = (
        "import sys, pathlib; from resnet_lab.tracking import Tracker; "
        "Tracker.open(pathlib.Path(sys.argv[1]), 's'); "
        "from mlflow.telemetry import get_telemetry_client; assert get_telemetry_client() is None"
    )
    fresh = str(out / "fresh")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", code, fresh], check=True, capture_output=True, text=True, env=environment
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert sorted(path.name for path in Path(fresh).iterdir()) == ["mlflow.db"]


@pytest.mark.parametrize("name", ["", "../escape", "a/b", "-rf", "with space", "x" * 101])
def test_a_study_name_that_is_no_name_is_refused(out: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot name a study"):
        Tracker.open(out, name)


def test_runs_left_running_become_killed(tracker: Tracker, digits: DatasetRecord) -> None:
    launch = tracker.start_launch("launch", {}, {})
    done, failed = (launch.start_trial(name, {}, {}, digits) for name in ("done", "failed"))
    launch.start_trial("orphan", {}, {}, digits)
    done.end("FINISHED")
    failed.fail("out of memory")
    scheduled = launch.start_trial("waiting", {}, {}, digits)
    tracker.client.update_run(scheduled.run_id, status="SCHEDULED")
    assert tracker.close_stale() == 3
    assert statuses(tracker) == {
        "launch": "KILLED",
        "done": "FINISHED",
        "failed": "FAILED",
    }  # of the others no epoch was logged: there is nothing to see of them
    assert tracker.close_stale() == 0


def test_stale_runs_of_another_study_are_left_alone(tracker: Tracker, out: Path) -> None:
    other = Tracker.open(out, "other")
    other.start_launch("theirs", {}, {})
    assert tracker.close_stale() == 0
    assert statuses(other) == {"theirs": "RUNNING"}


def test_finished_names_trials_and_not_launches(tracker: Tracker, digits: DatasetRecord) -> None:
    launch = tracker.start_launch("launch", {}, {})
    first, again, open_ = (launch.start_trial(name, {}, {}, digits) for name in ("a", "b", "c"))
    first.end("FINISHED")
    again.fail("diverged")
    launch.end("FINISHED")
    assert tracker.finished() == {"a": first.run_id}
    open_.kill()
    retried = launch.start_trial("b", {}, {}, digits)
    retried.end("FINISHED")
    assert tracker.finished() == {"a": first.run_id, "b": retried.run_id}


def test_the_environment_names_another_store(
    empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    elsewhere.write_bytes(empty_database.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    mine, theirs = (Tracker.open(tmp_path / name, "shared") for name in ("mine", "theirs"))
    mine.start_launch("mine", {}, {})
    theirs.start_launch("theirs", {}, {})
    assert not (tmp_path / "mine" / "mlflow.db").exists()
    assert str(elsewhere) in mine.ui_command
    assert mine.close_stale() == 1
    assert statuses(mine) == {"mine": "KILLED", "theirs": "RUNNING"}
    assert read_runs(tmp_path / "mine", "shared") == []


def test_a_relative_uri_is_made_absolute(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(out)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    assert Tracker.open(out, "s").uri == f"sqlite:///{out}/mlflow.db"


def test_a_server_that_is_not_there_is_one_line(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    with pytest.raises(TrackingError, match="check MLFLOW_TRACKING_URI") as refusal:
        Tracker.open(out, "s")
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_store_that_mlflow_refuses_is_one_line(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(out / "mlruns"))
    with pytest.raises(TrackingError, match="check MLFLOW_TRACKING_URI"):
        Tracker.open(out, "s")


def test_a_database_too_new_or_old_names_the_upgrade(out: Path) -> None:
    with sqlite3.connect(out / "mlflow.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '000000000000'")
    connection.close()
    with pytest.raises(TrackingError, match="mlflow db upgrade sqlite:////"):
        Tracker.open(out, "s")


def test_a_store_that_breaks_in_mid_study_is_a_tracking_error(
    tracker: Tracker, capfd: pytest.CaptureFixture[str]
) -> None:
    path = Path(tracker.uri.removeprefix("sqlite:///"))
    launch = tracker.start_launch("launch", {}, {})
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE metrics")
    with pytest.raises(TrackingError, match="run the same command again"):
        launch.log_metrics({"seconds": 1.0})
    assert "Traceback" not in capfd.readouterr().err
