"""Sequential seeds: `--until-decided` adds pairs of seeds to the arms whose comparison is still open.

After the plan's own seeds each arm is compared with the baseline of its context. An arm whose corrected interval lies
on one side of the margin is decided and gets no more seeds; the others, and their baselines, get two more, until
all are decided or `--max-seeds` is reached. `analysis.stats.sequential` holds the rule.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from analysis.stats.sequential import Decision, Judgement, decide, level, looks
from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.trials.trial import Trial
from studies.modes.until_decided_text import Rule, Stop, content, text
from studies.plan.plan import Plan
from studies.results.outcomes import Row
from studies.results.write import Section, report
from studies.runner.driver import Driver, audited

ALPHA = 0.05
MEASURE = "test/error"


class UntilDecided:
    """The plan's seeds, then two more at a time where it is undecided. Raises UserError where there is no room."""

    def __init__(self, plan: Plan, *, max_seeds: int, margin: float) -> None:
        self._schedule = schedule_of(plan, max_seeds)
        self._seeds = numbered(plan.seeds, self._schedule[-1])
        self._margin = margin
        self._stops: dict[RunSpec, Stop] = {}

    def forecast(self) -> str:
        return f"then, for the arms still undecided, two seeds more at a time, up to {self._schedule[-1]} an arm"

    def run(self, driver: Driver, console: Console) -> None:
        self._plan = driver.plan  # what the audit left of the plan
        pairs = comparisons(self._plan)
        self._arms = len(pairs)
        self._trials = list(driver.trials)
        self._audit = audited(driver)
        try:
            driver.run()
            for look in range(len(self._schedule)):
                pairs = self._look(pairs, look)
                if not pairs or look + 1 == len(self._schedule):
                    break
                fresh = self._seeds[self._schedule[look] : self._schedule[look + 1]]
                told = f"undecided: {len(pairs)} of {self._arms}; on with seed {' and '.join(map(str, fresh))}"
                console.print(told, highlight=False)
                dataclasses.replace(driver, trials=self._add(pairs, fresh)).run()
        finally:
            driver.display.end()

    def _look(self, pairs: dict[RunSpec, RunSpec], look: int) -> dict[RunSpec, RunSpec]:
        """Judge the open comparisons and return those that stay open."""
        count, last = self._schedule[look], look + 1 == len(self._schedule)
        found = {cell: self._differences(cell, base, self._seeds[:count]) for cell, base in pairs.items()}
        for cell, judgement in decide(found, look, self._schedule, ALPHA, self._margin, arms=self._arms).items():
            reason = why_stopped(judgement, last=last)
            if reason:
                fields = self._plan.cell_fields(cell)
                self._stops[cell] = Stop(fields=fields, judgement=judgement, seeds=count, reason=reason)
        return {cell: base for cell, base in pairs.items() if cell not in self._stops}

    def _differences(self, cell: RunSpec, base: RunSpec, seeds: Sequence[int]) -> list[float]:
        """Return arm minus baseline, in points, over the seeds complete in both."""
        both = [[self._trial(each, seed).result() for each in (cell, base)] for seed in seeds]
        return [float(own[MEASURE]) - float(its[MEASURE]) for own, its in both if own is not None and its is not None]

    def _add(self, pairs: dict[RunSpec, RunSpec], seeds: tuple[int, ...]) -> list[Trial]:
        """Enter further seeds of the open arms and their baselines into the plan, and return their trials."""
        wanted = {*pairs, *pairs.values()}
        cells = tuple(cell for cell in self._plan.cells if cell in wanted)
        specs = dataclasses.replace(self._plan, cells=cells, seeds=seeds, more=()).runs()
        self._plan = dataclasses.replace(self._plan, more=self._plan.more + specs)
        trials = [self._trial(spec, spec.seed) for spec in specs]
        self._trials += trials
        return trials

    def _trial(self, cell: RunSpec, seed: int) -> Trial:
        return Trial(root=self._trials[0].root, spec=dataclasses.replace(cell, seed=seed))

    def report(self, out: Path, console: Console, *, as_json: bool) -> tuple[list[Row], list[Path]]:
        rule = Rule(
            looks=self._schedule,
            margin=self._margin,
            alpha=ALPHA,
            comparisons=self._arms,
            confidence=1 - level(self._schedule, ALPHA / max(self._arms, 1)),
        )
        stops = [self._stops[cell] for cell in self._plan.cells if cell in self._stops]
        section = Section(name="sequential", text=text(rule, stops), content=content(rule, stops))
        checked = dataclasses.replace(self._audit, plan=self._plan)
        return report(checked, self._trials, out, console, as_json=as_json, sections=[section])


def schedule_of(plan: Plan, max_seeds: int) -> tuple[int, ...]:
    """Return how many seeds each look has. Raises UserError where the numbers leave no interval or no room."""
    count = len(plan.seeds)
    if count < 2:
        raise UserError("--until-decided needs two seeds to begin with, for one gives no interval: give --seeds 0 1 2")
    if max_seeds < count:
        raise UserError(f"--max-seeds {max_seeds} is below the {count} seeds to begin with: give fewer --seeds")
    return looks(count, max_seeds)


def numbered(first: Sequence[int], count: int) -> tuple[int, ...]:
    """Return `count` seeds: the given ones, then the numbers above the largest."""
    above = max(first) + 1
    return (*first, *range(above, above + count - len(first)))


def comparisons(plan: Plan) -> dict[RunSpec, RunSpec]:
    """Return {cell: the baseline of its context}."""
    bases = {tuple(plan.context_of(c).values()): c for c in plan.cells if plan.arm_of(c) == plan.baseline()}
    found = {cell: bases.get(tuple(plan.context_of(cell).values())) for cell in plan.cells}
    return {cell: base for cell, base in found.items() if base is not None and base != cell}


def why_stopped(judgement: Judgement, *, last: bool) -> str:
    """Return why an arm gets no more seeds, or nothing where it does."""
    if judgement.decision != Decision.UNDECIDED:
        return "decided"
    if not judgement.pairs:
        return "no seed is complete in both arms"
    return "the most seeds allowed" if last else ""
