"""Drivers with a fake executor (tests/studies/fakes.py): a real Optuna study and MLflow store, no training."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from resnet_lab.tracking import Tracker
from studies.audit.audit import audit, inspect_networks, network_of
from studies.plan.plan import trials_of
from studies.runner.display import Lines
from studies.runner.driver import Driver
from studies.runner.optuna_store import OptunaStore


class Reported(NamedTuple):
    """What the outcome of a mode wrote."""

    runs: list[dict[str, Any]]
    files: list[Path]
    reports: list[Any]


@pytest.fixture
def drive(store_folder):
    """Give the driver of a plan and an executor to some work, within a launch; return what the work returns."""

    def run(plan, executor, work=Driver.run):
        tracker = Tracker.open(store_folder, plan.study.name)
        tracker.close_stale()
        launch = tracker.start_launch("launch", {}, {})
        driver = Driver(
            plan=plan,
            trials=trials_of(plan, store_folder),
            store=OptunaStore.open(store_folder, plan.study.name),
            launch=launch,
            finished_runs=tracker.finished(),
            executor=executor,
            display=Lines(Console(quiet=True)),
            environment={"git_sha": "abc"},
            data_source="here",
            audit=audit(plan, inspect_networks([network_of(cell) for cell in plan.cells])),
        )
        try:
            return work(driver)
        finally:
            launch.end("FINISHED")

    return run


@pytest.fixture
def go(drive):
    """Run a mode over a plan with an executor, as a launch does; return its outcome."""

    def run(mode, plan, executor):
        return drive(plan, executor, lambda driver: mode.run(driver, Console(quiet=True)))

    return run


@pytest.fixture
def reported(store_folder):
    """Have an outcome print and write its reports."""

    def run(outcome, console=None, *, as_json=False):
        reports = outcome.report(store_folder, console or Console(quiet=True), as_json=as_json)
        runs = [run for report in reports for run in report.runs]
        return Reported(runs, [path for report in reports for path in report.files], list(reports))

    return run


@pytest.fixture
def wait_for():
    """Wait until a condition holds, at most two minutes."""

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
        epochs, before = len(stopped.history()), len(other.history())
        wait_for(lambda: len(other.history()) > before + 1)
        assert executor.wait(0) == []
        assert len(stopped.history()) == epochs
        assert (stopped.result(), stopped.failure()) == (None, None)

    return stop
