"""Drivers with a fake executor (tests/studies/fakes.py): a real Optuna study and MLflow store, no training."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from resnet_lab.runner.display import Lines
from resnet_lab.tracking import Tracker
from studies.audit.audit import audit, inspect_networks, network_of
from studies.plan.plan import trials_of
from studies.runner.optuna_store import OptunaStore
from studies.runner.study_driver import StudyDriver


class Reported(NamedTuple):
    """What the outcome of a mode wrote."""

    runs: list[dict[str, Any]]
    files: list[Path]
    reports: list[Any]


@pytest.fixture
def drive(store_folder):
    """Give the driver of a plan and an executor to some work, within a launch; return what the work returns."""

    def run(plan, executor, work=StudyDriver.run):
        tracker = Tracker.open(store_folder, plan.study.name)
        tracker.close_stale()
        launch = tracker.start_launch("launch", {}, {})
        driver = StudyDriver(
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
