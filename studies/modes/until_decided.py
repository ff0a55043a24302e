"""Sequential seeds: `--until-decided` adds pairs of seeds to the arms whose comparison is still open.

After the plan's own seeds each arm is compared with the baseline of its context. An arm whose corrected interval lies
on one side of the margin is decided and gets no more seeds; the others, and their baselines, get two more, until
all are decided or `--max-seeds` is reached. `analysis.stats.sequential` holds the rule.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from analysis.comparison.arms import withheld_by
from analysis.results.plan_record import SEQUENTIAL, ReportSection
from analysis.stats.failures import paired_differences
from analysis.stats.paired_tests import EXACT_UP_TO
from analysis.stats.sequential import Decision, Judgement, decide, level, looks
from analysis.stats.skewness import least_pairs
from resnet_lab.errors import UserError
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.outcomes import Reason, reason_of
from resnet_lab.spec import RunSpec
from resnet_lab.trials.trial import Trial
from studies.modes.until_decided_text import Rule, Stop, content, text
from studies.plan.further import Further
from studies.plan.options import LaunchMode
from studies.plan.plan import Plan, comparisons
from studies.results.frozen_plan import comparison_plan
from studies.results.write import PlanOutcome
from studies.runner.study_driver import StudyDriver, require_audit

ALPHA = 0.05


class UntilDecided:
    """The plan's seeds, then two more at a time where it is undecided. Raises UserError where there is no room."""

    def __init__(self, plan: Plan, *, max_seeds: int, margin: float, robust: bool = False) -> None:
        self._schedule = schedule_of(plan, max_seeds)
        self._seeds = numbered(plan.seeds, self._schedule[-1])
        if plan.splits > 1 and len({seed % plan.splits for seed in self._seeds}) < len(self._seeds):
            raise UserError(
                f"--until-decided takes each seed as a sample of its own, and {len(self._seeds)} seeds share "
                f"{plan.splits} splits: give --splits {len(self._seeds)} or more, or a smaller --max-seeds"
            )
        self._margin = margin
        self._robust = robust
        if robust:
            require_room(self._schedule, len(comparisons(plan)))

    def further(self, plan: Plan) -> Further:
        rule = ", decided by the tests for skewed outcomes as well" if self._robust else ""
        sentence = (
            f"then, for the arms still undecided, two seeds more at a time, up to {self._schedule[-1]} an arm{rule}"
        )
        more = self._schedule[-1] - len(plan.seeds)
        return Further(sentence=sentence, likes=[(cell, more) for cell in plan.cells])

    def frozen(self, plan: Plan) -> dict[str, dict[str, Any]]:
        return {plan.title: comparison_plan(plan, mode=LaunchMode.UNTIL_DECIDED, looks=self._schedule)}

    def run(self, driver: StudyDriver, console: Console) -> PlanOutcome:
        looking = _Looking(self._schedule, self._seeds, self._margin, driver.plan, list(driver.trials), self._robust)
        try:
            driver.run()
            for look in range(len(self._schedule)):
                looking.look(look)
                if not looking.pairs or look + 1 == len(self._schedule):
                    break
                seeds = self._seeds[self._schedule[look] : self._schedule[look + 1]]
                console.print(looking.progress(seeds), highlight=False)
                dataclasses.replace(driver, trials=looking.add(seeds)).run()
        finally:
            driver.display.end()
        audit = dataclasses.replace(require_audit(driver), plan=looking.plan)
        return PlanOutcome(audit=audit, trials=looking.trials, sections=(looking.section(),))


@dataclass(slots=True)
class _Looking:
    """The comparisons of one launch while seeds are added."""

    schedule: tuple[int, ...]
    seeds: tuple[int, ...]
    margin: float
    plan: Plan
    trials: list[Trial]
    robust: bool = False
    pairs: dict[RunSpec, RunSpec] = field(init=False)
    """The open comparisons: {cell: the baseline of its context}."""
    arms: int = field(init=False)
    stops: dict[RunSpec, Stop] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.pairs = comparisons(self.plan)
        self.arms = len(self.pairs)

    def look(self, look: int) -> None:
        """Judge the open comparisons; those that stop are open no more."""
        count, last = self.schedule[look], look + 1 == len(self.schedule)
        own = {cell: self._outcomes(cell, count) for cell in self.pairs}
        other = {cell: self._outcomes(base, count) for cell, base in self.pairs.items()}
        differences = {cell: paired_differences(own[cell], other[cell]) for cell in self.pairs}
        lost = {cell: withheld_by(own[cell], other[cell]) for cell in self.pairs}
        judged = decide(
            differences,
            look,
            self.schedule,
            ALPHA,
            self.margin,
            arms=self.arms,
            robust=self.robust,
            lost={cell: bool(why) for cell, why in lost.items()},
        )
        for cell, judgement in judged.items():
            reason = why_stopped(judgement, last=last)
            if reason:
                fields = self.plan.cell_fields(cell)
                self.stops[cell] = Stop(
                    fields=fields, judgement=judgement, seeds=count, reason=reason, withheld=lost[cell]
                )
        self.pairs = {cell: base for cell, base in self.pairs.items() if cell not in self.stops}

    def _outcomes(self, cell: RunSpec, count: int) -> dict[int, float]:
        """Return {seed: test error} over the first seeds, infinity for a diverged one; others are missing."""
        outcomes = {}
        for seed in self.seeds[:count]:
            outcome = self._trial(cell, seed).outcome()
            if outcome.result is not None:
                outcomes[seed] = float(outcome.result[TEST_ERROR])
            elif reason_of(outcome.reason) == Reason.DIVERGED:
                outcomes[seed] = math.inf
        return outcomes

    def add(self, seeds: tuple[int, ...]) -> list[Trial]:
        """Enter further seeds of the open arms and their baselines into the plan, and return their trials."""
        wanted = {*self.pairs, *self.pairs.values()}
        cells = tuple(cell for cell in self.plan.cells if cell in wanted)
        specs = dataclasses.replace(self.plan, cells=cells, seeds=seeds, more=()).runs()
        self.plan = dataclasses.replace(self.plan, more=self.plan.more + specs)
        trials = [self._trial(spec, spec.seed) for spec in specs]
        self.trials += trials
        return trials

    def _trial(self, cell: RunSpec, seed: int) -> Trial:
        return Trial(root=self.trials[0].root, spec=self.plan.run_of(cell, seed))

    def progress(self, seeds: tuple[int, ...]) -> str:
        """Return `undecided: 2 of 3; on with seed 5 and 6`."""
        return f"undecided: {len(self.pairs)} of {self.arms}; on with seed {' and '.join(map(str, seeds))}"

    def section(self) -> ReportSection:
        """Return the rule and where each arm stopped, for the report."""
        rule = Rule(
            looks=self.schedule,
            margin=self.margin,
            alpha=ALPHA,
            comparisons=self.arms,
            confidence=1 - level(self.schedule, ALPHA / max(self.arms, 1)),
            robust=self.robust,
        )
        stops = [self.stops[cell] for cell in self.plan.cells if cell in self.stops]
        return ReportSection(name=SEQUENTIAL, text=text(rule, stops), content=content(rule, stops))


def schedule_of(plan: Plan, max_seeds: int) -> tuple[int, ...]:
    """Return how many seeds each look has. Raises UserError where the numbers leave no interval or no room."""
    count = len(plan.seeds)
    if count < 2:
        raise UserError("--until-decided needs two seeds to begin with, for one gives no interval: give --seeds 0 1 2")
    if max_seeds < count:
        raise UserError(f"--max-seeds {max_seeds} is below the {count} seeds to begin with: give fewer --seeds")
    return looks(count, max_seeds)


def require_room(schedule: tuple[int, ...], arms: int) -> None:
    """Raise UserError where the robust rule's sign-flip test could decide at no look, or takes no more pairs."""
    needed = least_pairs(level(schedule, ALPHA / max(arms, 1)))
    if schedule[-1] < needed:
        raise UserError(
            f"--robust cannot decide with {schedule[-1]} seeds, the sign-flip test takes {needed} to reach the level "
            f"of {arms} comparisons: give --max-seeds {needed} or more"
        )
    if schedule[-1] > EXACT_UP_TO:
        raise UserError(
            f"--robust counts all sign patterns, which ends at {EXACT_UP_TO} seeds: give --max-seeds {EXACT_UP_TO}"
        )


def numbered(first: Sequence[int], count: int) -> tuple[int, ...]:
    """Return `count` seeds: the given ones, then the numbers above the largest."""
    above = max(first) + 1
    return (*first, *range(above, above + count - len(first)))


def why_stopped(judgement: Judgement, *, last: bool) -> str:
    """Return why an arm gets no more seeds, or nothing where it does."""
    if judgement.decision != Decision.UNDECIDED:
        return "decided"
    if not judgement.pairs:
        return "no seed is complete in both arms"
    return "the most seeds allowed" if last else ""
