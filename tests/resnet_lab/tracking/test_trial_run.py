"""Launch and trial runs: params, tags, epochs, files, models and endings."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlparse

import pytest
from mlflow.entities import Run as StoredRun

from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import flatten, unflatten
from resnet_lab.tracking import DatasetRecord, Tracker, TrackingError, TrialRun, read_runs
from resnet_lab.tracking.model import store

TAGS = {"arm": "before_add", "cell": "c0", "seed": "0", "attempt": "1", "git_sha": "abc123"}


@pytest.fixture
def trial(tracker: Tracker, digits: DatasetRecord) -> TrialRun:
    launch = tracker.start_launch("first launch", {"git_sha": "abc123"}, {"scale": "quick"})
    return launch.start_trial("1b2c3d4e5f60-seed0", flatten(RunSpec()), TAGS, digits)


def stored(run: TrialRun) -> StoredRun:
    return run.client.get_run(run.run_id)


def test_a_launch_holds_its_params_tags_numbers_and_files(tracker: Tracker, tmp_path: Path) -> None:
    launch = tracker.start_launch("first launch", {"git_sha": "abc123"}, {"scale": "quick", "jobs": 2})
    table = tmp_path / "table.csv"
    table.write_text("arm,error\n")
    launch.log_files([table], folder="report")
    launch.log_files([table])
    launch.log_metrics({"seconds": 1.5})
    launch.end("FAILED")
    run = tracker.client.get_run(launch.run_id)
    assert (run.info.run_name, run.info.status) == ("first launch", "FAILED")
    assert run.data.params == {"scale": "quick", "jobs": "2"}
    assert run.data.metrics == {"seconds": 1.5}
    assert run.data.tags["mlflow.source.git.commit"] == "abc123"
    assert "trial" not in run.data.tags
    files = tracker.client.list_artifacts(launch.run_id, "report")
    assert [file.path for file in files] == ["report/table.csv"]


def test_an_arm_is_a_finished_child_that_is_no_trial(tracker: Tracker, out: Path) -> None:
    launch = tracker.start_launch("first launch", {}, {})
    numbers = {"mean": 8.5, "low": 8.0, "high": 9.0, "n": 3, "difference": math.nan}
    curves = [("curve/val/error/mean", epoch, 90.0 / epoch) for epoch in range(1, 1_002)]
    run_id = launch.log_arm("20 before_add", {"model.depth": 20}, numbers, {"arm": "before_add"}, curves)
    run = tracker.client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("20 before_add", "FINISHED")
    summary = {name: value for name, value in run.data.metrics.items() if not name.startswith("curve")}
    assert summary == {"mean": 8.5, "low": 8.0, "high": 9.0, "n": 3}
    history = tracker.client.get_metric_history(run_id, "curve/val/error/mean")
    assert [(point.step, point.value) for point in history[:2]] == [(1, 90.0), (2, 45.0)]
    assert len(history) == 1_001
    assert run.data.params == {"model.depth": "20"}
    assert {run.data.tags[tag] for tag in ("kind", "arm", "mlflow.parentRunId")} == {"arm", "before_add", launch.run_id}
    assert read_runs(out, "bn_placement") == []


def test_mini_batches_and_later_measures_are_metrics_of_the_trials_run(trial: TrialRun, tracker: Tracker) -> None:
    trial.log_steps("train/batch_accuracy", 5, [50.0, 75.0])
    points = trial.client.get_metric_history(trial.run_id, "train/batch_accuracy")
    assert [(point.step, point.value) for point in points] == [(5, 50.0), (6, 75.0)]
    trial.end("FINISHED")
    launch = tracker.start_launch("second launch", {}, {})
    launch.log_trial_metrics(trial.run_id, {"lesion/mean_damage": 3.5, "odd": math.nan})
    assert stored(trial).data.metrics["lesion/mean_damage"] == 3.5
    assert "odd" not in stored(trial).data.metrics
    assert stored(trial).info.status == "FINISHED"


def test_a_trial_is_a_child_with_every_dotted_parameter(trial: TrialRun, tracker: Tracker) -> None:
    run = stored(trial)
    parent = tracker.client.get_parent_run(trial.run_id)
    assert parent is not None
    assert parent.info.run_name == "first launch"
    assert run.info.status == "RUNNING"
    assert unflatten(RunSpec, run.data.params) == RunSpec()
    assert set(run.data.params) == set(flatten(RunSpec()))
    assert TAGS.items() <= run.data.tags.items()
    assert run.data.tags["trial"] == "1b2c3d4e5f60-seed0"


def test_a_trial_may_be_shown_under_another_name(tracker: Tracker, digits: DatasetRecord) -> None:
    launch = tracker.start_launch("launch", {}, {})
    run = stored(launch.start_trial("1b2c-seed0", {}, {"mlflow.runName": "before_add, seed 0"}, digits))
    assert (run.info.run_name, run.data.tags["trial"]) == ("before_add, seed 0", "1b2c-seed0")


def test_the_dataset_is_an_input_of_the_run(trial: TrialRun, digits: DatasetRecord) -> None:
    (logged,) = stored(trial).inputs.dataset_inputs
    assert (logged.dataset.name, logged.dataset.digest) == ("digits", digits.digest[:12])
    assert json.loads(logged.dataset.source) == {"uri": "scikit-learn", "sha256": digits.digest}
    assert [(tag.key, tag.value) for tag in logged.tags] == [("mlflow.data.context", "train")]


def test_any_number_of_epochs_is_one_call(trial: TrialRun, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    log_batch = type(trial.client).log_batch
    monkeypatch.setattr(
        type(trial.client), "log_batch", lambda *args, **more: (calls.append(1), log_batch(*args, **more))
    )
    trial.log_epochs([{"epoch": 1, "train/loss": 2.0, "val/error": 0.5}, {"epoch": 2, "train/loss": 1.0}])
    assert calls == [1]
    history = trial.client.get_metric_history(trial.run_id, "train/loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 2.0), (2, 1.0)]
    assert stored(trial).data.metrics == {"train/loss": 1.0, "val/error": 0.5}
    trial.log_epochs([])
    assert calls == [1]


def test_a_thousand_epochs_are_all_there(trial: TrialRun) -> None:
    trial.log_epochs([{"epoch": epoch, "train/loss": 1.0, "val/error": 0.1} for epoch in range(1000)])
    assert len(trial.client.get_metric_history(trial.run_id, "val/error")) == 1000


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_value_that_is_not_finite_is_left_out_and_tagged(trial: TrialRun, value: float) -> None:
    trial.log_epochs([{"epoch": 1, "train/loss": value, "time/epoch_s": 2.0}])
    trial.fail("diverged")
    run = stored(trial)
    assert run.data.metrics == {"time/epoch_s": 2.0}
    assert (run.data.tags["diverged"], run.data.tags["reason"]) == ("true", "diverged")
    assert run.info.status == "FAILED"


def test_a_finished_trial_keeps_its_checkpoint_as_a_model(trial: TrialRun, saved: tuple[Path, Path]) -> None:
    trial.log_epochs([{"epoch": 1, "train/loss": 1.0}])
    trial.finish({"test/error": 0.25}, *saved)
    run = stored(trial)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"train/loss": 1.0, "test/error": 0.25}
    (output,) = run.outputs.model_outputs
    model = trial.client.get_logged_model(output.model_id)
    assert (model.name, model.status.value, model.source_run_id) == (trial.name, "READY", trial.run_id)
    assert model.params["model.block.norm_position"] == "before_add"
    assert [(metric.key, metric.value) for metric in model.metrics] == [("test/error", 0.25)]
    folder = Path(unquote(urlparse(model.artifact_location).path))
    contents = {path.name: path.read_text() for path in folder.iterdir()}
    assert contents == {
        "model.safetensors": "weights",
        "model.safetensors.sha256": "digest",
        "config.json": '{"seed": 0}',
    }


def test_a_model_carries_the_params_that_are_asked_for(tracker: Tracker, saved: tuple[Path, Path]) -> None:
    launch = tracker.start_launch("launch", {}, {})
    trial = launch.start_trial("a", {"model.depth": 20, "recipe.lr": 0.1}, {}, on_model=["model.depth"])
    trial.finish({"test/error": 0.25}, *saved)
    run = stored(trial)
    (output,) = run.outputs.model_outputs
    assert trial.client.get_logged_model(output.model_id).params == {"model.depth": "20"}
    assert run.data.params == {"model.depth": "20", "recipe.lr": "0.1"}


def test_a_model_is_called_as_its_run_and_what_a_network_is_has_no_chart(
    tracker: Tracker, saved: tuple[Path, Path]
) -> None:
    tags = {"mlflow.runName": "lr=0.1 act=my:swish s0"}
    trial = tracker.start_launch("launch", {}, {}).start_trial("1b2c3d4e5f60-seed0", {}, tags)
    trial.finish({"test/error": 0.25, "model/parameters": 75_002}, *saved)
    run = stored(trial)
    assert (run.data.metrics, run.data.params) == ({"test/error": 0.25}, {"model/parameters": "75002"})
    (output,) = run.outputs.model_outputs
    model = trial.client.get_logged_model(output.model_id)
    assert (model.name, model.tags["trial"]) == ("lr=0,1 act=my_swish s0", "1b2c3d4e5f60-seed0")
    assert model.params == {"model/parameters": "75002"}


def test_what_is_no_folder_gets_the_files_through_the_client(saved: tuple[Path, Path]) -> None:
    class Client:
        def log_model_artifacts(self, model_id: str, folder: str) -> None:
            self.seen = model_id, {path.name: path.read_bytes() for path in Path(folder).iterdir()}

    client, model = Client(), SimpleNamespace(artifact_location="s3://bucket/models/m-1", model_id="m-1")
    store(client, model, *saved)  # type: ignore[arg-type]  # as much of both as it uses
    assert client.seen == ("m-1", {"model.safetensors": b"weights", "config.json": b'{"seed": 0}'})


def test_a_checkpoint_that_is_gone_leaves_a_failed_model_and_an_open_run(
    trial: TrialRun, tracker: Tracker, tmp_path: Path
) -> None:
    with pytest.raises(TrackingError, match="keep the checkpoint of 1b2c3d4e5f60-seed0"):
        trial.finish({"test/error": 0.25}, tmp_path / "model.safetensors", tmp_path / "config.json")
    (model,) = trial.client.search_logged_models([trial.experiment_id])
    assert model.status.value == "FAILED"
    assert tracker.finished() == {}
    assert tracker.close_stale() == 2


def test_an_interrupted_trial_is_killed(trial: TrialRun) -> None:
    trial.kill()
    assert stored(trial).info.status == "KILLED"
