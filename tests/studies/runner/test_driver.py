"""The driver's bookkeeping, with an executor that pretends: real ledger, real MLflow store, no training."""

import json
from collections import Counter

import pytest

from resnet_lab.spec.fields import to_json
from resnet_lab.system import atomic
from resnet_lab.tracking import read_runs
from resnet_lab.trials.trial import Trial
from studies.bn_placement import STUDY
from studies.plan.options import Options
from studies.plan.plan import make_plan
from studies.results.outcomes import outcomes
from studies.runner.driver import MAX_RETRIES
from studies.runner.executor import Exit
from studies.runner.optuna_store import OptunaStore


class Pretender:
    """Ends each trial at the next wait, as `script` says: a reason or signal for each attempt, then success."""

    def __init__(self, script=None, slots=2):
        self.slots, self.script, self.started, self.running = slots, script or {}, Counter(), []

    def submit(self, trial):
        assert len(self.running) < self.slots
        assert trial.name not in [other.name for other in self.running]
        self.started[trial.name] += 1
        self.running.append(trial)

    def wait(self, timeout):  # noqa: ARG002  # the protocol's
        trial = self.running.pop(0)
        attempts = self.script.get(trial.name, [])
        outcome = attempts[self.started[trial.name] - 1] if self.started[trial.name] <= len(attempts) else "complete"
        if isinstance(outcome, BaseException):
            raise outcome
        if isinstance(outcome, int):
            return [Exit(trial=trial, code=-outcome)]
        write(trial, outcome)
        return [Exit(trial=trial, code=0 if outcome == "complete" else 3)]

    def cancel(self, name=None):
        self.running = [trial for trial in self.running if name not in (None, trial.name)]


def write(trial, outcome):
    trial.folder.mkdir(parents=True, exist_ok=True)
    (trial.folder / "failure.json").unlink(missing_ok=True)
    atomic.write(trial.folder / "config.json", to_json(trial.spec).encode())
    (trial.folder / "env.json").write_text(json.dumps({"data": {"name": "digits", "sha256": "ab" * 32}}))
    record = {"epoch": 1, "iteration": 5, "train/loss": 1.5, "val/error": 4.0, "time/epoch_s": 0.1}
    (trial.folder / "history.jsonl").write_text(json.dumps(record) + "\n")
    if outcome == "complete":
        atomic.write_with_digest(trial.folder / "model.safetensors", b"weights")
        result = {"test/error": 5.0, "test/loss": 0.5, "val/error": 4.0, "time/train_s": 0.1, "sha256": "cd"}
        (trial.folder / "result.json").write_text(json.dumps(result))
    else:
        (trial.folder / "failure.json").write_text(json.dumps({"reason": outcome}))


@pytest.fixture
def study(books):
    plan = make_plan(STUDY, Options(seeds=(0, 1), assignments=("model.depth=8", "model.block.act_position=none")))
    return plan, [Trial(root=books / "trials", spec=spec) for spec in plan.runs()], books


def statuses(study):
    return Counter((run["tags"]["trial"], run["status"]) for run in read_runs(study[2], "bn_placement"))


def test_a_free_slot_is_filled_before_the_books_are_closed(study, drive, monkeypatch):
    executor, told = Pretender(slots=1), []
    complete = OptunaStore.complete
    monkeypatch.setattr(
        OptunaStore, "complete", lambda *args: (told.append(sum(executor.started.values())), complete(*args))
    )
    drive(study[0], executor)
    count = len(study[1])
    assert told == [min(ended + 1, count) for ended in range(1, count + 1)]


def test_every_trial_runs_once_and_lands_in_both_books(study, drive):
    executor = Pretender()
    drive(study[0], executor)
    _, trials, out = study
    assert executor.started == Counter(trial.name for trial in trials)
    assert statuses(study) == Counter((trial.name, "FINISHED") for trial in trials)
    run = next(run for run in read_runs(out, "bn_placement") if run["tags"]["trial"] == trials[0].name)
    assert run["metrics"]["test/error"] == 5.0
    assert run["metrics"]["val/error"] == 4.0
    assert run["metrics"]["model/parameters"] == 75_002
    assert run["metrics"]["model/flops"] > 1e6
    assert run["params"]["model.block.norm_position"] == trials[0].spec.model.block.norm_position
    assert run["params"]["recipe.momentum"] == "0.9"
    assert {"arm", "cell", "seed", "fingerprint", "attempt", "git_sha"} <= run["tags"].keys()
    ledger = OptunaStore.open(out, "bn_placement")
    assert all(ledger.is_complete(trial) for trial in trials)


def test_the_same_command_again_starts_nothing(study, drive):
    drive(study[0], Pretender())
    again = Pretender()
    drive(study[0], again)
    assert not again.started
    assert sum(statuses(study).values()) == len(study[1])


def test_a_trial_that_dies_is_tried_again_at_most_three_times(study, drive):
    name, spared = study[1][0].name, study[1][1].name
    executor = Pretender({name: [9] * 10, spared: ["out of memory", 11]})
    drive(study[0], executor)
    assert executor.started[name] == 1 + MAX_RETRIES
    assert executor.started[spared] == 3
    assert statuses(study)[name, "FAILED"] == 1 + MAX_RETRIES
    assert statuses(study)[spared, "FINISHED"] == 1
    later = Pretender()
    drive(study[0], later)
    assert not later.started


def test_a_diverged_trial_is_not_tried_again_and_shows_in_the_table(study, drive):
    name = study[1][0].name
    executor = Pretender({name: ["diverged"]})
    drive(study[0], executor)
    assert executor.started[name] == 1
    rows = outcomes(study[0], study[1])
    assert [row["status"] for row in rows].count("failed") == 1
    assert next(row for row in rows if row["trial"] == name)["reason"] == "diverged"
    (run,) = [run for run in read_runs(study[2], "bn_placement") if run["tags"]["trial"] == name]
    assert (run["status"], run["tags"]["reason"]) == ("FAILED", "diverged")


def test_an_interrupted_study_goes_on_without_counting_a_failure(study, drive):
    name = study[1][0].name
    with pytest.raises(KeyboardInterrupt):
        drive(study[0], Pretender({name: [KeyboardInterrupt()]}))
    assert "RUNNING" not in {status for _, status in statuses(study)}
    executor = Pretender()
    drive(study[0], executor)
    assert OptunaStore.open(study[2], "bn_placement").failures(study[1][0]) == 0
    assert all(statuses(study)[trial.name, "FINISHED"] == 1 for trial in study[1])


def test_what_is_complete_on_disk_is_adopted_by_books_that_do_not_know_it(study, drive):
    for trial in study[1][:2]:
        write(trial, "complete")
    executor = Pretender()
    drive(study[0], executor)
    assert executor.started == Counter(trial.name for trial in study[1][2:])
    assert statuses(study) == Counter((trial.name, "FINISHED") for trial in study[1])
    again = Pretender()
    drive(study[0], again)
    assert sum(statuses(study).values()) == len(study[1])


def test_another_plan_shares_the_books_without_disturbing_them(study, drive):
    _, trials, out = study
    drive(study[0], Pretender())
    wider = make_plan(STUDY, Options(seeds=(0, 1, 2), assignments=("model.depth=8", "model.block.act_position=none")))
    more = [Trial(root=out / "trials", spec=spec) for spec in wider.runs()]
    executor = Pretender()
    drive(wider, executor)
    assert set(executor.started) == {trial.name for trial in more} - {trial.name for trial in trials}
