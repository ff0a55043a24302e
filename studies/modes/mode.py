"""How a launch spends its trials, and what it tells at the end: as planned, until decided, tuned, or as a search."""

from pathlib import Path
from typing import Protocol

from rich.console import Console

from studies.plan.options import Options
from studies.plan.plan import Plan
from studies.results.outcomes import Row
from studies.results.write import report
from studies.runner.driver import Driver, audited, run_phase


class Mode(Protocol):
    def forecast(self) -> str:
        """Return in a sentence what a dry run must tell beside the plan, or nothing."""

    def run(self, driver: Driver, console: Console) -> None:
        """Run all trials, beginning with the driver's own."""

    def report(self, out: Path, console: Console, *, as_json: bool) -> tuple[list[Row], list[Path]]:
        """Print and write what came of it. Returns the runs and the files written."""


def make_mode(plan: Plan, options: Options) -> Mode:
    """Return the course that the options ask for. Raises UserError where the plan does not allow it."""
    if options.until_decided:
        from studies.modes.until_decided import UntilDecided

        return UntilDecided(plan, max_seeds=options.max_seeds, margin=options.margin)
    if options.tune:
        from studies.modes.tune import Tuned

        return Tuned(plan, budget=options.tune_trials, pruner=options.pruner)
    if options.search is not None:
        from studies.modes.open_search import OpenSearch

        return OpenSearch(plan, algorithm=options.search, budget=options.trials, pruner=options.pruner)
    return Planned()


class Planned:
    """Every cell at every seed of the plan."""

    def forecast(self) -> str:
        return ""

    def run(self, driver: Driver, console: Console) -> None:  # noqa: ARG002  # the protocol's
        self._driver = driver
        run_phase(driver)

    def report(self, out: Path, console: Console, *, as_json: bool) -> tuple[list[Row], list[Path]]:
        return report(audited(self._driver), self._driver.trials, out, console, as_json=as_json)
