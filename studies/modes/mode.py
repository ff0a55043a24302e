"""Modes: how a launch spends its trials, and what it reports at the end."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, assert_never

from rich.console import Console

from resnet_lab.runner.driver import run_phase
from studies.plan.further import Further
from studies.plan.options import LaunchMode, Options
from studies.plan.plan import Plan
from studies.results.frozen_plan import comparison_plan
from studies.results.publish import Report
from studies.results.write import PlanOutcome
from studies.runner.study_driver import StudyDriver, require_audit


class ModeOutcome(Protocol):
    """What a mode's trials came to."""

    @property
    def compared(self) -> Sequence[PlanOutcome]:
        """The comparisons of arms; none where a search compared nothing."""

    def report(self, out: Path, console: Console, *, as_json: bool) -> Sequence[Report]:
        """Print the outcome, write it under `out`, and return what was written."""


class Mode(Protocol):
    """One way to spend a launch's trials."""

    def further(self, plan: Plan) -> Further | None:
        """Return what a dry run says besides the plan, or None."""

    def frozen(self, plan: Plan) -> Mapping[str, Mapping[str, Any]]:
        """Return what is to be done with an audited plan, as JSON takes it, by the title of each report."""

    def run(self, driver: StudyDriver, console: Console) -> ModeOutcome:
        """Run all trials, beginning with the driver's own."""


def make_mode(plan: Plan, options: Options) -> Mode:
    """Return the mode that the options ask for. Raises UserError where the plan does not allow it."""
    match options.mode:
        case LaunchMode.PLANNED:
            return Planned(check_claims=options.check_claims, verdict=options.verdict)
        case LaunchMode.UNTIL_DECIDED:
            from studies.modes.until_decided import UntilDecided

            return UntilDecided(plan, max_seeds=options.max_seeds, margin=options.margin, robust=options.robust)
        case LaunchMode.TUNE:
            from studies.modes.tune import Tuned

            return Tuned(
                plan,
                budget=options.tune_trials,
                pruner=options.pruner,
                seeds=options.tune_seeds,
                algorithm=options.tune_algorithm,
            )
        case LaunchMode.SEARCH:
            from studies.modes.open_search import OpenSearch

            assert options.search is not None
            return OpenSearch(plan, algorithm=options.search, budget=options.trials, pruner=options.pruner)
        case _:
            assert_never(options.mode)


class Planned:
    """Every cell at every seed of the plan; the outcome may answer the study's claims or decide on its arms."""

    def __init__(self, *, check_claims: bool = False, verdict: bool = False) -> None:
        self._check_claims, self._verdict = check_claims, verdict

    def further(self, plan: Plan) -> None:  # noqa: ARG002  # the protocol's
        return None

    def frozen(self, plan: Plan) -> dict[str, dict[str, Any]]:
        return {plan.title: comparison_plan(plan, mode=LaunchMode.PLANNED)}

    def run(self, driver: StudyDriver, console: Console) -> PlanOutcome:  # noqa: ARG002  # the protocol's
        run_phase(driver)
        return PlanOutcome(
            audit=require_audit(driver),
            trials=driver.trials,
            check_claims=self._check_claims,
            verdict=self._verdict,
        )
