"""Calls in one transaction leave the same in the store as one by one."""

import contextlib
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from resnet_lab.tracking import Tracker, TrackingError, transaction, trial_run
from resnet_lab.tracking import run as runs

EPOCHS = [{"epoch": epoch, "val/error": 9.0 / epoch, "train/loss": 0.5} for epoch in (1, 2)]


def finished(tracker: Tracker, saved: tuple[Path, Path], name: str) -> dict[str, object]:
    trial = tracker.start_launch("launch", {}, {}).start_trial(name, {"model.depth": 20}, {"arm": "a"})
    trial.finish({"test/error": 5.0}, *saved, EPOCHS)
    run = tracker.client.get_run(trial.run_id)
    model = tracker.client.get_logged_model(run.outputs.model_outputs[0].model_id)
    history = [(m.step, m.value) for m in tracker.client.get_metric_history(trial.run_id, "val/error")]
    files = sorted(artifact.path for artifact in tracker.client.list_logged_model_artifacts(str(model.model_id)))
    metrics = {metric.key: metric.value for metric in model.metrics or []}
    tags = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")} | {"trial": ""}
    return {
        "run": (run.info.status, run.data.params, run.data.metrics, tags),
        "model": (str(model.status), model.params, metrics, history, files),
    }


def test_the_store_holds_the_same_with_and_without(
    tracker: Tracker, saved: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = finished(tracker, saved, "a")
    assert shared["run"][0] == "FINISHED"  # type: ignore[index]  # `finished` says no more
    assert sorted(path.name for path in saved) == ["config.json", "model.safetensors"]
    for module in (runs, trial_run):
        monkeypatch.setattr(module, "one_transaction", lambda _: contextlib.contextmanager(lambda: iter([None]))())
    assert finished(tracker, saved, "a") == shared


def test_what_fails_half_way_is_reported_and_leaves_the_store_as_it_was(tracker: Tracker, tmp_path: Path) -> None:
    trial = tracker.start_launch("launch", {}, {}).start_trial("a", {}, {})
    maker = tracker.client._tracking_client.store.ManagedSessionMaker
    with pytest.raises(TrackingError, match="keep the checkpoint of a"):
        trial.finish({"test/error": 5.0}, tmp_path / "missing", tmp_path / "missing too")
    assert tracker.client._tracking_client.store.ManagedSessionMaker is maker
    (model,) = tracker.client.search_logged_models([tracker.experiment_id])
    assert (tracker.client.get_run(trial.run_id).info.status, str(model.status)) == ("RUNNING", "FAILED")


def test_what_was_written_before_a_failure_stays(tracker: Tracker) -> None:
    trial = tracker.start_launch("launch", {}, {}).start_trial("a", {}, {})

    def write_and_fail() -> None:
        with transaction.one_transaction(tracker.client):
            tracker.client.set_tag(trial.run_id, "before", "yes")
            raise MlflowException("no room")

    with pytest.raises(MlflowException, match="no room"):
        write_and_fail()
    assert tracker.client.get_run(trial.run_id).data.tags["before"] == "yes"
