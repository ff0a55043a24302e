"""How a launch spends its trials, and what it tells at the end: as planned, until decided, tuned, or as a search."""

from pathlib import Path
from typing import Protocol

from rich.console import Console

from studies.audit import Audit
from studies.driver import Driver
from studies.options import Options
from studies.plan import Plan
from studies.report import Row, report


class Course(Protocol):
    def forecast(self) -> str:
        """Return in a sentence what a dry run must tell beside the plan, or nothing."""

    def run(self, driver: Driver, console: Console) -> None:
        """Run all trials, beginning with the driver's own."""

    def report(self, out: Path, console: Console, *, as_json: bool) -> tuple[list[Row], list[Path]]:
        """Print and write what came of it. Returns the runs and the files written."""


def make_course(plan: Plan, options: Options) -> Course:
    """Return the course that the options ask for. Raises UserError where the plan does not allow it."""
    if options.until_decided:
        from studies.sequential import UntilDecided

        return UntilDecided(plan, max_seeds=options.max_seeds, margin=options.margin)
    if options.tune:
        from studies.tuning import Tuned

        return Tuned(plan, budget=options.tune_trials, pruner=options.pruner)
    if options.search is not None:
        from studies.open_search import OpenSearch

        return OpenSearch(plan, algorithm=options.search, budget=options.trials, pruner=options.pruner)
    return AsPlanned()


class AsPlanned:
    """Every cell at every seed of the plan."""

    def forecast(self) -> str:
        return ""

    def run(self, driver: Driver, console: Console) -> None:  # noqa: ARG002  # the protocol's
        self._driver = driver
        stage(driver)

    def report(self, out: Path, console: Console, *, as_json: bool) -> tuple[list[Row], list[Path]]:
        return report(audited(self._driver), self._driver.trials, out, console, as_json=as_json)


def stage(driver: Driver) -> None:
    """Run the driver's trials and close its display, so that the next stage may open its own."""
    try:
        driver.run()
    finally:
        driver.display.end()


def audited(driver: Driver) -> Audit:
    """Return the driver's audit, which every launch makes."""
    if driver.audit is None:
        raise ValueError("a launch audits its plan before it runs")
    return driver.audit
