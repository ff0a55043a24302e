"""An open search, `--search tpe --pruner median --trials N`: for a good network, not for an answer about an arm.

The space is what the study varies, arms and context, and its `tune`. Trials are stopped early and drawn where results
were good, so values of a switch get unequal numbers and budgets: no interval and no test is told, and the winner's
validation error is flattered by being the least of many.
"""

import dataclasses
import json
import textwrap
from pathlib import Path
from typing import Any

from rich.console import Console

from resnet_lab.spec.choices import Value
from resnet_lab.system import atomic
from studies.plan.options import Algorithm, Pruner
from studies.plan.plan import Plan
from studies.plan.spaces import Choose, Space
from studies.results.outcomes import Row
from studies.runner.display import make_display
from studies.runner.driver import Driver, run_phase
from studies.runner.optuna_store import storage_of
from studies.search.optuna_search import SEED, Search, Settings, epochs_of, study_name
from studies.search.record import search_record
from studies.search.rows import counts, importance, rows, values_text
from studies.search.search_group import Searches

SHOWN, WIDTH = 10, 80


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

    def forecast(self) -> str:
        names = ", ".join(each.field for each in self._settings.space)
        return f"instead of these trials: a search of {self._settings.budget} over {names}"

    def run(self, driver: Driver, console: Console) -> None:
        root = driver.trials[0].root
        self._search = Search.open(storage_of(root), study_name("search", self._settings), self._settings, root)
        searches = Searches([self._search])
        names: dict[str, tuple[Value, ...]] = {each.field: () for each in self._settings.space}
        self._plan = dataclasses.replace(driver.plan, context={}, arm=names, seeds=(SEED,), variant="search")
        run_phase(
            dataclasses.replace(
                driver,
                plan=self._plan,
                trials=(),
                ledger=searches,
                search=searches,
                display=make_display(self._plan, console, "val/error"),
                tags={"phase": "search"},
                audit=None,
            )
        )

    def report(self, out: Path, console: Console, *, as_json: bool) -> tuple[list[Row], list[Path]]:
        folder = out / "reports" / self._plan.title
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(search_record(self._declared, self._search), indent=2)
        for name, told in (("search.json", content), ("search.md", f"```\n{self._text()}\n```")):
            atomic.write(folder / name, (told + "\n").encode())
        print(content) if as_json else console.print(f"\n{self._text()}", highlight=False, markup=False)
        ended = [row for row in rows(self._search) if row["state"] not in ("pruned", "refused")]
        runs = [row | {"status": row["state"] if row["state"] == "complete" else "failed"} for row in ended]
        return runs, [folder / "search.json", folder / "search.md"]

    def _text(self) -> str:
        settings = self._settings
        head = (
            f"Open search by {settings.algorithm}, pruner {settings.pruner}: {counts(self._search)}. The value is the "
            "validation error of one seed. This is no comparison of arms: trials had unequal numbers and budgets, and "
            "the least of many errors is flattered. Confirm the winner with fresh --seeds."
        )
        lines = textwrap.wrap(head, WIDTH)
        for row in self._ranked()[:SHOWN]:
            values = values_text({each.field: row[each.field] for each in settings.space})
            line = f"{row['val/error']:6.2f} %  {values}"
            lines += textwrap.wrap(line, WIDTH, subsequent_indent=" " * 10, break_on_hyphens=False)
        shares = importance(self._search)
        if shares:
            told = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
            lines += textwrap.wrap(f"importance (fANOVA, share of the variance of the complete trials): {told}", WIDTH)
        return "\n".join(lines)

    def _ranked(self) -> list[dict[str, Any]]:
        return sorted((row for row in rows(self._search) if row["state"] == "complete"), key=lambda r: r["val/error"])
