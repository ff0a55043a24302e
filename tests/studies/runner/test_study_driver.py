"""The driver's records, with a fake executor: a real Optuna study and MLflow store, no training."""

import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from resnet_lab.errors import DiskFullError, UserError
from resnet_lab.outcomes import MAX_RETRIES, Reason
from resnet_lab.runner.display import Lines
from resnet_lab.runner.executor import Exit
from resnet_lab.tracking import TrackingError, availability, read_runs
from resnet_lab.trials.run_trial import _is_complete, run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import KILLED_PROCESS, WorkerSettings
from studies.bn_placement import STUDY
from studies.plan.options import Options
from studies.plan.plan import Plan, make_plan
from studies.results.outcomes import outcomes, rows_of
from studies.runner.optuna_store import OptunaStore
from tests.specs import write_result
from tests.studies.fakes import SENTENCE, FakeExecutor, write_begin, write_end


class PlannedStudy(NamedTuple):
    """A plan, its trials, and the output folder."""

    plan: Plan
    trials: list[Trial]
    out: Path


@pytest.fixture
def study(store_folder):
    plan = make_plan(STUDY, Options(seeds=(0, 1), assignments=("model.depth=8", "model.block.act_position=none")))
    return PlannedStudy(plan, [Trial(root=store_folder / "trials", spec=spec) for spec in plan.runs()], store_folder)


def statuses(study):
    return Counter((run["tags"]["trial"], run["status"]) for run in read_runs(study.out, "bn_placement"))


def test_a_free_slot_is_filled_before_a_result_is_recorded(study, drive, monkeypatch):
    executor, started = FakeExecutor(slots=1), []
    complete = OptunaStore.complete
    monkeypatch.setattr(
        OptunaStore, "complete", lambda *args: (started.append(sum(executor.started.values())), complete(*args))
    )
    drive(study.plan, executor)
    count = len(study.trials)
    assert started == [min(ended + 1, count) for ended in range(1, count + 1)]


def test_every_trial_runs_once_and_lands_in_both_stores(study, drive):
    executor = FakeExecutor()
    drive(study.plan, executor)
    _, trials, out = study
    assert executor.started == Counter(trial.name for trial in trials)
    assert statuses(study) == Counter((trial.name, "FINISHED") for trial in trials)
    run = next(run for run in read_runs(out, "bn_placement") if run["tags"]["trial"] == trials[0].name)
    assert run["metrics"]["test/error"] == 5.0
    assert run["metrics"]["val/error"] == 5.0
    assert run["params"]["model/parameters"] == "75002"
    assert int(run["params"]["model/flops"]) > 1e6
    assert run["params"]["model.block.norm_position"] == trials[0].spec.model.block.norm_position
    assert run["params"]["recipe.momentum"] == "0.9"
    assert {"arm", "cell", "seed", "fingerprint", "attempt", "git_sha"} <= run["tags"].keys()
    store = OptunaStore.open(out, "bn_placement")
    assert all(store.is_complete(trial) for trial in trials)


def test_the_same_command_again_starts_nothing(study, drive):
    drive(study.plan, FakeExecutor())
    again = FakeExecutor()
    drive(study.plan, again)
    assert not again.started
    assert sum(statuses(study).values()) == len(study.trials)


def test_a_trial_that_dies_is_tried_again_at_most_three_times(study, drive):
    name, spared = study.trials[0].name, study.trials[1].name
    executor = FakeExecutor(script={name: [9] * 10, spared: ["out of memory", 11]})
    drive(study.plan, executor)
    assert executor.started[name] == 1 + MAX_RETRIES
    assert executor.started[spared] == 3
    assert statuses(study)[name, "FAILED"] == 1 + MAX_RETRIES
    assert statuses(study)[spared, "FINISHED"] == 1
    row = next(row for row in outcomes(study.plan, study.trials) if row["trial"] == name)
    assert (row["status"], row["reason"]) == ("failed", "killed by signal 9")
    assert "see worker.log" in row["detail"]
    later = FakeExecutor()
    drive(study.plan, later)
    assert not later.started


def test_a_trial_without_memory_is_tried_once_more_with_the_machine_to_itself(study, drive):
    name = study.trials[0].name
    executor = FakeExecutor(script={name: ["out of memory"] * 10}, slots=3)
    drive(study.plan, executor)
    assert executor.started[name] == 2
    assert executor.together[-1] == (name, set())
    assert statuses(study)[name, "FAILED"] == 2
    assert sum(status == "FINISHED" for _, status in statuses(study)) == len(study.trials) - 1


def test_after_an_out_of_memory_fewer_run_at_once_and_one_line_says_so(study, drive, monkeypatch):
    told = []
    monkeypatch.setattr(Lines, "note", lambda _, text: told.append(text))
    name = study.trials[0].name
    executor = FakeExecutor(script={name: ["out of memory"]}, slots=3)
    drive(study.plan, executor)
    assert executor.lowered == [name]
    assert executor.slots == 2
    assert told == ["out of memory: from here on 2 trials at once, not 3"]


def test_a_trial_waits_for_its_share_of_a_gpu_and_those_behind_it_wait_too(study, drive):
    large = study.trials[1].name
    executor = FakeExecutor(slots=4, fits=lambda trial, running: not running or large not in (trial.name, *running))
    drive(study.plan, executor)
    assert [name for name, _ in executor.together] == [trial.name for trial in study.trials]
    assert all(not others for name, others in executor.together[:3])
    assert executor.together[3][1] == {study.trials[2].name}


def test_a_trial_that_killed_its_process_is_tried_alone(study, drive):
    killer = study.trials[0].name
    executor = FakeExecutor(script={killer: [("AcceleratorError", KILLED_PROCESS)]}, slots=2)
    drive(study.plan, executor)
    assert executor.started[killer] == 2
    assert executor.together[-1] == (killer, set())
    assert OptunaStore.open(study.out, "bn_placement").failures(study.trials[0]) == 1


def test_an_error_that_a_trial_saw_as_its_process_died_is_not_its_own(study, drive):
    one = study.trials[0].name
    executor = FakeExecutor(script={one: [("AcceleratorError", 3, "shared")]}, slots=2)
    drive(study.plan, executor)
    assert OptunaStore.open(study.out, "bn_placement").failures(study.trials[0]) == 0
    assert executor.together[-1] == (one, set())


def test_those_that_died_with_another_are_not_charged_and_each_is_tried_alone(study, drive):
    one, other = (trial.name for trial in study.trials[:2])
    executor = FakeExecutor(script={one: [(11,), 11, 11, 11, 11], other: [(11,)]}, slots=2)
    drive(study.plan, executor)
    store = OptunaStore.open(study.out, "bn_placement")
    assert [store.failures(trial) for trial in study.trials[:2]] == [1 + MAX_RETRIES, 0]
    assert executor.started[one] == 2 + MAX_RETRIES
    assert statuses(study)[other, "FINISHED"] == 1
    again = [others for name, others in executor.together if name in (one, other)][2:]
    assert again == [set()] * len(again)


def test_a_full_disk_ends_the_launch_and_the_same_command_goes_on(study, drive):
    name = study.trials[0].name
    executor = FakeExecutor(script={name: ["disk full"]})
    with pytest.raises(DiskFullError):
        drive(study.plan, executor)
    assert executor.started[name] == 1
    assert "RUNNING" not in {status for _, status in statuses(study)}
    drive(study.plan, FakeExecutor())
    assert all(statuses(study)[trial.name, "FINISHED"] == 1 for trial in study.trials)


def epochs_by_trial(study):
    """Return {trial name: (status, rows of metrics)} of every run, by SQL."""
    query = (
        "SELECT tags.value, runs.status, (SELECT count(*) FROM metrics WHERE metrics.run_uuid = runs.run_uuid "
        "AND metrics.key = 'val/error' AND metrics.step > 0) FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid "
        "AND tags.key = 'trial'"
    )
    with closing(sqlite3.connect(study.out / "mlflow.db")) as connection:
        return Counter(connection.execute(query).fetchall())


@pytest.mark.parametrize("back", ["in mid-study", "by the next launch"])
def test_while_mlflow_is_away_training_goes_on_and_the_rows_are_entered_later(study, drive, monkeypatch, back):
    calls, away = [], {"from": 4, "until": 9 if back == "in mid-study" else 10**9}
    log_batch = MlflowClient.log_batch

    def sometimes(self, *args, **options):
        calls.append(1)
        if away["from"] <= len(calls) < away["until"]:
            raise MlflowException("the server is gone")
        return log_batch(self, *args, **options)

    monkeypatch.setattr(MlflowClient, "log_batch", sometimes)
    monkeypatch.setattr(availability, "ASK_AGAIN_S", 0.0)
    monkeypatch.setattr(availability, "answers", lambda _: True)
    notes = []
    monkeypatch.setattr(Lines, "note", lambda _, text: notes.append(text))
    executor = FakeExecutor(epochs=3)
    with suppress(TrackingError):  # the launch's own run is closed by the fixture
        drive(study.plan, executor)
    assert executor.started == Counter(trial.name for trial in study.trials)
    assert sum(note.startswith("warning: MLflow could not") for note in notes) >= 1
    if back == "by the next launch":
        assert notes[-1].startswith("MLflow lacks")
        away["until"] = 0
        drive(study.plan, again := FakeExecutor())
        assert not again.started
    runs = epochs_by_trial(study)
    assert {(name, status): rows for name, status, rows in runs if status == "FINISHED"} == {
        (trial.name, "FINISHED"): 3 for trial in study.trials
    }
    assert all(count == 1 for (_, status, _), count in runs.items() if status == "FINISHED")
    assert "RUNNING" not in {status for _, status, _ in runs}


def test_a_damaged_result_is_trained_again_and_reported(study, drive, monkeypatch):
    drive(study.plan, FakeExecutor())
    damaged = study.trials[0]
    damaged.result_file.write_text("{}")
    notes = []
    monkeypatch.setattr(Lines, "note", lambda _, text: notes.append(text))

    class Repairing(FakeExecutor):
        def submit(self, trial):
            _is_complete(trial)  # as a worker does first
            super().submit(trial)

    executor = Repairing()
    drive(study.plan, executor)
    assert executor.started == Counter({damaged.name: 1})
    assert notes == [f"{damaged.name}: result.json has no test/error; set aside as result.json.damaged, and made again"]
    newest = next(run for run in read_runs(study.out, "bn_placement") if run["tags"]["trial"] == damaged.name)
    assert newest["tags"]["repaired"] == notes[0]


def test_results_of_an_earlier_version_are_taken_as_they_are_and_said_once(study, drive, monkeypatch):
    for trial in study.trials[:2]:
        write_result(trial, {"test/error": 5.0, "test/loss": 0.5, "val/error": 5.0, "time/train_s": 1.0}, signed=False)
    notes = []
    monkeypatch.setattr(Lines, "note", lambda _, text: notes.append(text))
    executor = FakeExecutor()
    drive(study.plan, executor)
    assert executor.started == Counter(trial.name for trial in study.trials[2:])
    assert notes == ["2 results are of an earlier version, which signed none: they are taken as they are"]


def test_a_diverged_trial_is_not_tried_again_and_shows_in_the_table(study, drive):
    name = study.trials[0].name
    executor = FakeExecutor(script={name: ["diverged"]})
    drive(study.plan, executor)
    assert executor.started[name] == 1
    rows = outcomes(study.plan, study.trials)
    assert [row["status"] for row in rows].count("failed") == 1
    assert next(row for row in rows if row["trial"] == name)["reason"] == "diverged"
    (run,) = [run for run in read_runs(study.out, "bn_placement") if run["tags"]["trial"] == name]
    assert (run["status"], run["tags"]["reason"], run["tags"]["detail"]) == ("FAILED", "diverged", SENTENCE)
    failed = next(row for row in rows_of(study.plan, study.trials)[1] if row.failed)
    assert failed.reasons == (f"seed {study.trials[0].spec.seed}: diverged: {SENTENCE}",)


def test_an_interrupted_study_goes_on_without_counting_a_failure(study, drive):
    name = study.trials[0].name
    with pytest.raises(KeyboardInterrupt):
        drive(study.plan, FakeExecutor(script={name: [KeyboardInterrupt()]}))
    assert "RUNNING" not in {status for _, status in statuses(study)}
    executor = FakeExecutor()
    drive(study.plan, executor)
    assert OptunaStore.open(study.out, "bn_placement").failures(study.trials[0]) == 0
    assert all(statuses(study)[trial.name, "FINISHED"] == 1 for trial in study.trials)


def test_what_is_complete_on_disk_is_adopted_by_stores_that_do_not_know_it(study, drive):
    for trial in study.trials[:2]:
        write_begin(trial)
        write_end(trial)
    executor = FakeExecutor()
    drive(study.plan, executor)
    assert executor.started == Counter(trial.name for trial in study.trials[2:])
    assert statuses(study) == Counter((trial.name, "FINISHED") for trial in study.trials)
    again = FakeExecutor()
    drive(study.plan, again)
    assert sum(statuses(study).values()) == len(study.trials)


def test_another_plan_shares_the_stores_without_disturbing_them(study, drive):
    _, trials, out = study
    drive(study.plan, FakeExecutor())
    wider = make_plan(STUDY, Options(seeds=(0, 1, 2), assignments=("model.depth=8", "model.block.act_position=none")))
    more = [Trial(root=out / "trials", spec=spec) for spec in wider.runs()]
    executor = FakeExecutor()
    drive(wider, executor)
    assert set(executor.started) == {trial.name for trial in more} - {trial.name for trial in trials}


def test_what_the_user_has_to_mend_is_neither_charged_nor_tried_again_at_once(study, drive):
    name = study.trials[0].name
    executor = FakeExecutor(script={name: [Reason.USER_ERROR]})
    drive(study.plan, executor)
    assert executor.started[name] == 1
    assert OptunaStore.open(study.out, "bn_placement").failures(study.trials[0]) == 0
    assert statuses(study)[name, "FAILED"] == 1
    again = FakeExecutor()
    drive(study.plan, again)
    assert again.started == Counter({name: 1})
    assert statuses(study)[name, "FINISHED"] == 1


class HereExecutor:
    """Trains in this process, one trial per wait, from a data folder that may vanish."""

    def __init__(self, data_dir, vanishes_after):
        self.slots, self.waiting, self.ended = 1, [], 0
        self.data_dir, self.vanishes_after = data_dir, vanishes_after
        self.settings = WorkerSettings(data_dir=data_dir, device="cpu", environment={})

    def has_room(self, _):
        return True

    def submit(self, trial):
        self.waiting.append(trial)

    def wait(self, timeout):  # noqa: ARG002  # the protocol's
        trial = self.waiting.pop()
        code = 0 if run_trial(trial, self.settings, load=self.load) else 3
        self.ended += 1
        if self.ended == self.vanishes_after:
            self.data_dir.rename(self.data_dir.with_name("moved away"))
        return [Exit(trial=trial, code=code)]

    def load(self, data, data_dir, device):
        from resnet_lab.data.load import load

        if not data_dir.is_dir():  # as every loader of a set from a folder says
            raise UserError(f"the data folder {data_dir} does not exist: give another --data-dir")
        return load(data, None, device)

    def cancel(self):
        self.waiting = []


@pytest.mark.usefixtures("one_thread")
def test_a_data_folder_that_vanished_in_mid_study_and_came_back_costs_no_trial(tmp_path, store_folder, drive):
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    tiny = ("model.depth=8", "model.width=4", "data.train_images=64", "recipe.batch_size=32", "recipe.iterations=2")
    plan = make_plan(STUDY, Options(seeds=(0, 1), assignments=(*tiny, "model.block.act_position=none")))
    trials = [Trial(root=store_folder / "trials", spec=spec) for spec in plan.runs()]
    drive(plan, HereExecutor(data_dir, vanishes_after=1))
    rows = outcomes(plan, trials)
    assert Counter(row["status"] for row in rows) == {"complete": 1, "failed": 3}
    assert {row["reason"] for row in rows if row["status"] == "failed"} == {"user error"}
    assert "does not exist" in trials[-1].outcome().detail
    data_dir.with_name("moved away").rename(data_dir)
    drive(plan, HereExecutor(data_dir, vanishes_after=0))
    assert [row["status"] for row in outcomes(plan, trials)] == ["complete"] * 4
