"""Fair tuning: `--tune` gives every arm a search of its own over the study's `tune`, with the same budget.

First the study's recipe is compared as it is. Then each cell is tuned by validation error at a seed that no comparison
uses; its pruner knows nothing of other cells. Last, the cells are compared at the values chosen for each, with the
plan's seeds, which no search has seen.

What a search chooses is left to chance as well: its seed, its split, its draws. With several searches of each cell the
seeds are dealt over what they chose, so that the spread over repeats holds that of the choice.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from analysis.figures.tuning_curves import TunedArm, plot_tuning
from analysis.results.plan_record import ReportSection
from resnet_lab.errors import UserError
from resnet_lab.metrics import METRICS, VAL_ERROR
from resnet_lab.runner.display import make_display
from resnet_lab.runner.driver import run_phase
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten, replace
from studies.modes.tune_text import ArmSearch, content, pairs, text
from studies.plan.further import Further
from studies.plan.options import Algorithm, LaunchMode, Pruner
from studies.plan.plan import Plan, require_dealt, trials_of
from studies.plan.spaces import Space, start_of
from studies.results.frozen_plan import comparison_plan
from studies.results.outcomes import rows_of
from studies.results.write import PlanOutcome, StudyReport
from studies.runner.optuna_store import storage_of
from studies.runner.study_driver import StudyDriver, require_audit
from studies.search.optuna_search import SEED, Search, Settings, epochs_of, study_name
from studies.search.record import ranges
from studies.search.rows import rows
from studies.search.search_group import SearchGroup


class Tuned:
    """The comparison at the study's recipe, and again at what each arm's own search found."""

    def __init__(
        self, plan: Plan, *, budget: int, pruner: Pruner, seeds: int = 1, algorithm: Algorithm = Algorithm.TPE
    ) -> None:
        self._space, self._budget, self._pruner, self._algorithm = space_of(plan), budget, pruner, algorithm
        self._seeds = range(SEED, SEED + seeds)
        for seed in plan.seeds:
            if seed in self._seeds:
                raise UserError(f"seed {seed} is that of tuning trials: compare with other --seeds")
        require_dealt("tune-seeds", seeds, plan.seeds)
        if plan.splits > 1 and seeds > 1 and plan.splits != seeds:
            raise UserError(
                f"--splits {plan.splits} and --tune-seeds {seeds} deal the seeds out differently: give the same number"
            )

    def further(self, plan: Plan) -> Further:
        each = f"{len(self._seeds)} x {self._budget}" if len(self._seeds) > 1 else str(self._budget)
        sentence = f"then {each} tuning trials for each cell, and the same trials again at the chosen values"
        more = len(self._seeds) * self._budget + len(plan.seeds)
        return Further(sentence=sentence, likes=[(cell, more) for cell in plan.cells])

    def frozen(self, plan: Plan) -> dict[str, dict[str, Any]]:
        tuning = {
            "algorithm": self._algorithm.value,
            "pruner": self._pruner.value,
            "budget": self._budget,
            "seed": list(self._seeds) if len(self._seeds) > 1 else SEED,
            "space": ranges(self._space),
        }
        tuned = dataclasses.replace(plan, variant="tuned")
        return {
            plan.title: comparison_plan(plan, mode=LaunchMode.PLANNED),
            tuned.title: comparison_plan(tuned, mode=LaunchMode.TUNE, tuning=tuning),
        }

    def run(self, driver: StudyDriver, console: Console) -> "TunedOutcome":
        run_phase(driver)
        declared = PlanOutcome(audit=require_audit(driver), trials=driver.trials)
        root = driver.trials[0].root
        searches = [[self._search(driver.plan, cell, seed, root) for seed in self._seeds] for cell in driver.plan.cells]
        run_phase(self._tuning(driver, SearchGroup(list(itertools.chain(*searches))), console))
        tuned = _at_chosen(driver, searches, console)
        run_phase(tuned)
        return TunedOutcome(
            declared=declared,
            searches=searches,
            tuned=PlanOutcome(audit=require_audit(tuned), trials=tuned.trials),
        )

    def _search(self, plan: Plan, cell: RunSpec, seed: int, root: Path) -> Search:
        split = (seed - SEED) % plan.splits
        settings = Settings(
            base=dataclasses.replace(cell, seed=seed, data=dataclasses.replace(cell.data, split=split)),
            space=self._space,
            budget=self._budget,
            epochs=epochs_of(cell),
            algorithm=self._algorithm,
            pruner=self._pruner,
        )
        return Search.open(storage_of(root), study_name("tune", settings), settings, root)

    def _tuning(self, driver: StudyDriver, searches: SearchGroup, console: Console) -> StudyDriver:
        """Return the driver of the tuning trials."""
        plan = driver.plan
        fields = {each.field: () for each in self._space}
        each = f"{self._budget} for each of {len(plan.cells)} arms"
        each += f" at each of {len(self._seeds)} seeds" if len(self._seeds) > 1 else ""
        console.print(f"tuning: {searches.budget} trials to go, {each}")
        return dataclasses.replace(
            driver,
            plan=dataclasses.replace(plan, arm={**plan.arm, **fields}, seeds=tuple(self._seeds)),
            trials=(),
            store=searches,
            searcher=searches,
            display=make_display(console, METRICS[VAL_ERROR]),
            tags={"phase": "tuning"},
        )


def at_chosen(plan: Plan, searches: Sequence[Sequence[Search]]) -> Plan:
    """Return the plan at the values chosen for each cell; a cell whose search found none keeps its recipe."""
    tuned = dataclasses.replace(plan, variant=f"{plan.variant}-tuned".lstrip("-"))
    chosen = {cell: tuple(search.chosen() for search in own) for cell, own in zip(plan.cells, searches, strict=True)}
    if all(len(choices) == 1 for choices in chosen.values()):
        return dataclasses.replace(tuned, cells=tuple(replace(cell, choices[0]) for cell, choices in chosen.items()))
    return dataclasses.replace(tuned, chosen=chosen)


def _at_chosen(driver: StudyDriver, searches: Sequence[Sequence[Search]], console: Console) -> StudyDriver:
    """Return the driver of the comparison at the chosen values."""
    plan = at_chosen(driver.plan, searches)
    return dataclasses.replace(
        driver,
        plan=plan,
        trials=trials_of(plan, driver.trials[0].root.parent),
        display=make_display(console),
        tags={"phase": "tuned"},
        audit=dataclasses.replace(require_audit(driver), plan=plan),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedOutcome:
    """Both comparisons, and the searches between them, those of each cell in the order of the plan."""

    declared: PlanOutcome
    searches: Sequence[Sequence[Search]]
    tuned: PlanOutcome

    @property
    def compared(self) -> tuple[PlanOutcome, PlanOutcome]:
        return self.declared, self.tuned

    def report(self, out: Path, console: Console, *, as_json: bool) -> list[StudyReport]:
        plan = self.declared.audit.plan
        tuned = self.tuned.write(out)
        twice = pairs(rows_of(plan, self.declared.trials)[1], tuned.rows)
        arms = [
            ArmSearch(fields=plan.cell_fields(cell), search=search)
            for cell, own in zip(plan.cells, self.searches, strict=True)
            for search in own
        ]
        section = ReportSection(name="tuning", text=text(arms, twice), content=content(arms, twice, tuned.rows))
        with_tuning = dataclasses.replace(self.declared, sections=(section,))
        (compared,) = with_tuning.report(out, console, as_json=as_json)
        return [self._with_curves(compared), tuned]

    def _with_curves(self, compared: StudyReport) -> StudyReport:
        """Draw the tuning curves next to the table, unless the report is fresh and has them."""
        if compared.is_fresh:
            return compared
        plan = self.declared.audit.plan
        arms = [tuned_arm(plan.cell_fields(cell), own) for cell, own in zip(plan.cells, self.searches, strict=True)]
        drawn = plot_tuning(arms, compared.rows, out=compared.folder / "tuning_curves")
        return dataclasses.replace(compared, files=[*compared.files, *drawn])


def tuned_arm(fields: Mapping[str, Value], searches: Sequence[Search]) -> TunedArm:
    """Return an arm's searches as their curves take them: the study's recipe is no random draw."""
    settings = searches[0].settings
    is_random = settings.algorithm == Algorithm.RANDOM
    first = int(is_random and len(searches) == 1 and bool(start_of(settings.space, flatten(settings.base))))
    return TunedArm(fields=fields, searches=[rows(search)[first:] for search in searches], is_random=is_random)


def space_of(plan: Plan) -> Space:
    """Return what each arm may choose. Raises UserError where that is nothing, or what the study compares."""
    space = plan.study.tune
    if not space:
        raise UserError(f"{plan.study.name} declares nothing to tune: give its STUDY a `tune`, or leave out --tune")
    for each in space:
        if each.field in plan.arm or each.field in plan.context:
            raise UserError(f"{each.field} is what {plan.study.name} compares: it cannot be tuned as well")
        if not each.field.startswith("recipe."):
            raise UserError(f"{each.field} is no part of the recipe: what makes the arm cannot be tuned inside it")
    return space
