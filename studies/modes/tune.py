"""Fair tuning: `--tune` gives every arm a search of its own over the study's `tune`, with the same budget.

First the study's recipe is compared as it is. Then each cell is tuned by validation error at a seed that no comparison
uses; its pruner knows nothing of other cells. Last, the cells are compared at the values chosen for each, with the
plan's seeds, which no search has seen.
"""

import dataclasses
from pathlib import Path

from rich.console import Console

from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from studies.modes.tune_text import ArmSearch, content, pairs, text
from studies.plan.options import Pruner
from studies.plan.plan import Plan, trials_of
from studies.plan.spaces import Space
from studies.results.outcomes import Row, rows_of
from studies.results.write import Section, report, write
from studies.runner.display import make_display
from studies.runner.driver import Driver, audited, run_phase
from studies.runner.optuna_store import storage_of
from studies.search.optuna_search import SEED, Search, Settings, epochs_of, study_name
from studies.search.search_group import Searches


class Tuned:
    """The comparison at the study's recipe, and again at what each arm's own search found."""

    def __init__(self, plan: Plan, *, budget: int, pruner: Pruner) -> None:
        self._space, self._budget, self._pruner = space_of(plan), budget, pruner
        if SEED in plan.seeds:
            raise UserError(f"seed {SEED} is that of the tuning trials: compare with other --seeds")

    def forecast(self) -> str:
        return f"then {self._budget} tuning trials for each cell, and the same trials again at the chosen values"

    def run(self, driver: Driver, console: Console) -> None:
        self._declared = driver
        run_phase(driver)
        root, plan = driver.trials[0].root, driver.plan
        self._searches = [self._search(cell, root) for cell in plan.cells]
        searches = Searches(self._searches)
        names = {each.field: () for each in self._space}
        told = dataclasses.replace(plan, arm={**plan.arm, **names}, seeds=(SEED,))
        console.print(f"tuning: {searches.budget} trials to go, {self._budget} for each of {len(plan.cells)} arms")
        run_phase(
            dataclasses.replace(
                driver,
                plan=told,
                trials=(),
                ledger=searches,
                search=searches,
                display=make_display(told, console, "val/error"),
                tags={"phase": "tuning"},
            )
        )
        self._tuned = self._at_chosen(driver, console)
        run_phase(self._tuned)

    def _search(self, cell: RunSpec, root: Path) -> Search:
        settings = Settings(
            base=dataclasses.replace(cell, seed=SEED),
            space=self._space,
            budget=self._budget,
            epochs=epochs_of(cell),
            pruner=self._pruner,
        )
        return Search.open(storage_of(root), study_name("tune", settings), settings, root)

    def _at_chosen(self, driver: Driver, console: Console) -> Driver:
        """Return the driver of the comparison at the chosen values; a cell whose search found none keeps its recipe."""
        cells = [replace(cell, one.chosen()) for cell, one in zip(driver.plan.cells, self._searches, strict=True)]
        plan = dataclasses.replace(driver.plan, cells=tuple(cells), variant="tuned")
        return dataclasses.replace(
            driver,
            plan=plan,
            trials=trials_of(plan, driver.trials[0].root.parent),
            display=make_display(plan, console),
            tags={"phase": "tuned"},
            audit=dataclasses.replace(audited(driver), plan=plan),
        )

    def report(self, out: Path, console: Console, *, as_json: bool) -> tuple[list[Row], list[Path]]:
        plan, trials = self._declared.plan, self._declared.trials
        tuned = write(audited(self._tuned), self._tuned.trials, out)
        twice = pairs(rows_of(plan, trials)[1], tuned.rows)
        arms = [
            ArmSearch(fields=plan.cell_fields(cell), search=search)
            for cell, search in zip(plan.cells, self._searches, strict=True)
        ]
        section = Section(name="tuning", text=text(arms, twice), content=content(arms, twice, tuned.rows))
        runs, files = report(audited(self._declared), trials, out, console, as_json=as_json, sections=[section])
        return [*runs, *tuned.runs], [*files, *tuned.files]


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
