"""An executor that pretends, epoch by epoch: real ledger, real MLflow store, no training."""

import json
import time
from collections import Counter

import pytest
from rich.console import Console

from resnet_lab.spec.fields import to_json
from resnet_lab.system import atomic
from resnet_lab.tracking import Tracker
from studies.audit.audit import audit, measure, network_of
from studies.plan.plan import trials_of
from studies.runner.display import Lines
from studies.runner.driver import Driver
from studies.runner.executor import Exit
from studies.runner.optuna_store import OptunaStore


class Simulator:
    """Each wait is an epoch of every running trial; `error(spec)` is where a trial ends, or None for a failure.

    `course(spec, epoch)` is the validation error on the way; by default it is the end's all along.
    """

    def __init__(self, error, *, epochs=1, course=None, slots=2, cancel_after=None):
        self.slots, self.epochs, self.error, self.course = slots, epochs, error, course
        self.running, self.started, self.cancelled, self.cancel_after = {}, Counter(), [], cancel_after

    def submit(self, trial):
        assert len(self.running) < self.slots
        assert trial.name not in self.running
        self.started[trial.name] += 1
        self.running[trial.name] = trial
        trial.folder.mkdir(parents=True, exist_ok=True)
        atomic.write(trial.folder / "config.json", to_json(trial.spec).encode())

    def wait(self, timeout):  # noqa: ARG002  # the protocol's
        if self.cancel_after is not None and sum(self.started.values()) > self.cancel_after:
            raise KeyboardInterrupt
        ended = [trial for trial in self.running.values() if self.epoch(trial) == self.epochs]
        return [self.end(self.running.pop(trial.name)) for trial in ended]

    def epoch(self, trial):
        done = len(trial.history()) + 1
        value = self.course(trial.spec, done) if self.course else self.error(trial.spec)
        total = trial.spec.recipe.iterations
        record = {"epoch": done, "iteration": total * done // self.epochs, "val/error": value, "time/epoch_s": 0.1}
        if value is not None:
            with (trial.folder / "history.jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
        return done if value is not None else self.epochs

    def end(self, trial):
        error = self.error(trial.spec)
        if error is None:
            (trial.folder / "failure.json").write_text(json.dumps({"reason": "diverged"}))
            return Exit(trial=trial, code=3)
        atomic.write_with_digest(trial.folder / "model.safetensors", b"weights")
        result = {"test/error": error, "test/loss": 0.5, "val/error": error, "time/train_s": 0.1, "sha256": "cd"}
        (trial.folder / "result.json").write_text(json.dumps(result))
        return Exit(trial=trial, code=0)

    def cancel(self, name=None):
        self.cancelled += list(self.running) if name is None else [name]
        for each in self.cancelled:
            self.running.pop(each, None)


@pytest.fixture
def simulator():
    return Simulator


@pytest.fixture
def drive(books):
    """Give the driver of a plan and an executor to some work, within a launch."""

    def run(plan, executor, work=Driver.run):
        tracker = Tracker.open(books, plan.study.name)
        tracker.close_stale()
        launch = tracker.start_launch("launch", {}, {})
        driver = Driver(
            plan=plan,
            trials=trials_of(plan, books),
            ledger=OptunaStore.open(books, plan.study.name),
            launch=launch,
            finished_runs=tracker.finished(),
            executor=executor,
            display=Lines(plan, Console(quiet=True)),
            environment={"git_sha": "abc"},
            data_source="here",
            audit=audit(plan, measure([network_of(cell) for cell in plan.cells])),
        )
        try:
            work(driver)
        finally:
            launch.end("FINISHED")

    return run


@pytest.fixture
def go(drive):
    """Run a course over a plan with an executor, as a launch does."""

    def run(course, plan, executor):
        drive(plan, executor, lambda driver: course.run(driver, Console(quiet=True)))
        return course

    return run


@pytest.fixture
def wait_for():
    """Wait until a condition holds, two minutes at most."""

    def wait(condition):
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    return wait


@pytest.fixture
def stop_one(wait_for):
    """Start two trials that would last, stop one by name, and see that it leaves nothing more and the other goes on."""

    def stop(executor, stopped, other):
        for trial in (stopped, other):
            executor.submit(trial)
        wait_for(lambda: stopped.history() and other.history())
        executor.cancel(stopped.name)
        kept, before = len(stopped.history()), len(other.history())
        wait_for(lambda: len(other.history()) > before + 1)
        assert executor.wait(0) == []
        assert len(stopped.history()) == kept
        assert (stopped.result(), stopped.failure()) == (None, None)

    return stop
