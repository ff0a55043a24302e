"""Open search: `--search tpe --pruner median --trials N` looks for a good network, not for an answer about an arm.

The space is what the study varies, arms and context, and its `tune`. Trials are stopped early and drawn where results
were good, so values of a switch get unequal numbers and budgets: no interval and no test is reported, and the winner's
validation error is flattered by being the least of many.
"""

import dataclasses
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from analysis.results.analysis_plan import TRIALS
from analysis.tables.search_words import state_counts
from resnet_lab.metrics import METRICS, VAL_ERROR
from resnet_lab.outcomes import Reason, Status
from resnet_lab.runner.display import make_display
from resnet_lab.runner.driver import run_phase
from resnet_lab.spec.choices import Value
from studies.plan.further import Further
from studies.plan.options import Algorithm, LaunchMode, Pruner
from studies.plan.plan import Plan
from studies.plan.spaces import Choose, Space
from studies.results.frozen_plan import common_fields
from studies.results.search_report import SearchReport, write_search
from studies.runner.optuna_store import storage_of
from studies.runner.study_driver import StudyDriver
from studies.search.optuna_search import SEED, Search, Settings, epochs_of, study_name
from studies.search.record import ranges, search_record
from studies.search.rows import importance, rows, values_text
from studies.search.search_group import SearchGroup

TOP, WIDTH = 10, 80


class OpenSearch:
    """One search over everything that the study varies."""

    def __init__(self, plan: Plan, *, algorithm: Algorithm, budget: int, pruner: Pruner) -> None:
        levels = {name: values for name, values in {**plan.context, **plan.arm}.items() if len(values) > 1}
        space: Space = (
            *(Choose(field=name, values=values) for name, values in levels.items()),
            *(each for each in plan.study.tune if each.field not in {**plan.context, **plan.arm}),
        )
        base = dataclasses.replace(plan.cells[0], seed=SEED)
        self._declared = plan
        self._settings = Settings(
            base=base, space=space, budget=budget, epochs=epochs_of(base), algorithm=algorithm, pruner=pruner
        )

    def further(self, plan: Plan) -> Further:
        names, budget = ", ".join(each.field for each in self._settings.space), self._settings.budget
        share, rest = divmod(budget, len(plan.cells))
        likes = [(cell, share + (index < rest)) for index, cell in enumerate(plan.cells)]
        sentence = f"a search of {budget} trials over {names}, in place of a comparison of arms"
        return Further(sentence=sentence, likes=likes, replaces_plan=True)

    def frozen(self, plan: Plan) -> dict[str, dict[str, Any]]:
        settings = self._settings
        search = {
            "study": plan.study.name,
            "scale": plan.scale,
            "dataset": settings.base.data.name.value,
            "mode": LaunchMode.SEARCH.value,
            "algorithm": settings.algorithm.value,
            "pruner": settings.pruner.value,
            "budget": settings.budget,
            "epochs": settings.epochs,
            "seed": settings.base.seed,
            "space": ranges(settings.space),
            "fixed": common_fields([settings.base], varied=[each.field for each in settings.space]),
            "tests": {"metric": VAL_ERROR, "p": "none: a search compares no arms"},
            "claims": [],
            TRIALS: [],
        }
        return {self._searched(plan).title: search}

    def _searched(self, plan: Plan) -> Plan:
        """Return the plan of the search's own trials and report."""
        fields: dict[str, tuple[Value, ...]] = {each.field: () for each in self._settings.space}
        return dataclasses.replace(plan, context={}, arm=fields, seeds=(SEED,), variant="search")

    def run(self, driver: StudyDriver, console: Console) -> "SearchOutcome":
        root = driver.trials[0].root
        search = Search.open(storage_of(root), study_name("search", self._settings), self._settings, root)
        searches = SearchGroup([search])
        plan = self._searched(driver.plan)
        run_phase(
            dataclasses.replace(
                driver,
                plan=plan,
                trials=(),
                store=searches,
                searcher=searches,
                display=make_display(console, METRICS[VAL_ERROR]),
                tags={"phase": "search"},
                audit=None,
            )
        )
        return SearchOutcome(declared=self._declared, title=plan.title, search=search)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """A search that has spent its budget."""

    declared: Plan
    title: str
    """The name of its report."""
    search: Search

    @property
    def compared(self) -> tuple[()]:
        """A search compares no arms."""
        return ()

    def report(self, out: Path, console: Console, *, as_json: bool) -> list[SearchReport]:
        text = self._text()
        written = write_search(search_record(self.declared, self.search), text, self._runs(), out, self.title)
        if as_json:
            print(written.json)
        else:
            console.print(f"\n{text}", highlight=False, markup=False)
        return [written]

    def _runs(self) -> list[dict[str, Any]]:
        """Return the trials that a launch answers for: those it neither pruned nor refused."""
        ended = [row for row in rows(self.search) if row["state"] not in (Reason.PRUNED, Reason.REFUSED)]
        complete = Status.COMPLETE.value
        return [row | {"status": complete if row["state"] == complete else Status.FAILED.value} for row in ended]

    def _text(self) -> str:
        settings, counts = self.search.settings, state_counts(rows(self.search))
        head = (
            f"Open search by {settings.algorithm}, pruner {settings.pruner}: {counts}. The value is the "
            "validation error of one seed. This is no comparison of arms: trials had unequal numbers and budgets, and "
            "the least of many errors is flattered. Confirm the winner with fresh --seeds."
        )
        lines = textwrap.wrap(head, WIDTH)
        for row in self._ranked()[:TOP]:
            values = values_text({each.field: row[each.field] for each in settings.space})
            line = f"{row[VAL_ERROR]:6.2f} %  {values}"
            lines += textwrap.wrap(line, WIDTH, subsequent_indent=" " * 10, break_on_hyphens=False)
        shares = importance(self.search)
        if shares:
            listed = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
            lines += textwrap.wrap(
                f"importance (fANOVA, share of the variance of the complete trials): {listed}", WIDTH
            )
        return "\n".join(lines)

    def _ranked(self) -> list[dict[str, Any]]:
        complete = (row for row in rows(self.search) if row["state"] == Status.COMPLETE)
        return sorted(complete, key=lambda row: float(row[VAL_ERROR]))
