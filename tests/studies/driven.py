"""Drive a plan with a fake executor (tests/studies/fakes.py): a real Optuna study and MLflow store, no training."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

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


@functools.cache
def _inspected(network):
    """Many tests have the same few networks."""
    return inspect_networks([network])[network]


def drive(out, plan, executor, work=StudyDriver.run):
    """Give the driver of a plan and an executor to some work, within a launch; return what the work returns."""
    tracker = Tracker.open(out, plan.study.name)
    tracker.close_stale()
    launch = tracker.start_launch("launch", {}, {})
    driver = StudyDriver(
        plan=plan,
        trials=trials_of(plan, out),
        store=OptunaStore.open(out, plan.study.name),
        launch=launch,
        finished_runs=tracker.finished(),
        executor=executor,
        display=Lines(Console(quiet=True)),
        environment={"git_sha": "abc"},
        data_source="here",
        audit=audit(plan, {network: _inspected(network) for network in map(network_of, plan.cells)}),
    )
    try:
        return work(driver)
    finally:
        launch.end("FINISHED")


def go(out, mode, plan, executor):
    """Run a mode over a plan with an executor, as a launch does; return its outcome."""
    return drive(out, plan, executor, lambda driver: mode.run(driver, Console(quiet=True)))


def reported(out, outcome, console=None, *, as_json=False):
    """Have an outcome print and write its reports."""
    reports = outcome.report(out, console or Console(quiet=True), as_json=as_json)
    runs = [run for report in reports for run in report.runs]
    return Reported(runs, [path for report in reports for path in report.files], list(reports))
