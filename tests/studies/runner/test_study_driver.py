"""The driver's records, with a fake executor: a real Optuna study and MLflow store, no training."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from resnet_lab.errors import UserError
from resnet_lab.outcomes import MAX_RETRIES, Reason
from resnet_lab.runner.executor import Exit
from resnet_lab.tracking import read_runs
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from studies.bn_placement import STUDY
from studies.plan.options import Options
from studies.plan.plan import Plan, make_plan
from studies.results.outcomes import outcomes, rows_of
from studies.runner.optuna_store import OptunaStore
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
    assert run["metrics"]["model/parameters"] == 75_002
    assert run["metrics"]["model/flops"] > 1e6
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

    def cancel(self, name=None):
        self.waiting = [trial for trial in self.waiting if name not in (None, trial.name)]


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
