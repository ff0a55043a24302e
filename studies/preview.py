"""What a study would do: `--dry-run`."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from resnet_lab.trial import Trial
from studies import audit_text
from studies.audit import Audit
from studies.plan import Plan


def show(audit: Audit, trials: Sequence[Trial], *, device: str, jobs: int, as_json: bool) -> None:
    """Print cells, seeds, what is done already and an estimate of the time. Writes nothing."""
    plan = audit.plan
    todo = [trial for trial in trials if trial.result() is None]
    seconds = estimate(todo, device, jobs)
    if as_json:
        content = _as_dict(plan, trials, todo, seconds, device, jobs) | {"audit": audit_text.as_dict(audit)}
        print(json.dumps(content, indent=2))
        return
    console = Console()
    console.print(_table(plan, trials))
    console.print(
        f"{len(plan.cells)} cells x {len(plan.seeds)} seeds = {len(trials)} trials; "
        f"{len(trials) - len(todo)} done already, {len(todo)} to run, {jobs} at once on {device}"
    )
    console.print(f"estimated time: {duration(seconds)} (measured on a few steps here and now)")
    console.print("\n".join(audit_text.lines(audit)), highlight=False, markup=False)


def _table(plan: Plan, trials: Sequence[Trial]) -> Table:
    table = Table(title=plan.study.question, box=None, pad_edge=False, title_justify="left")
    names = [name.rpartition(".")[2] for name in (*plan.context, *plan.arm)]
    for name in (*names, "seeds", "done", "iterations"):
        table.add_column(name, justify="right" if name in ("seeds", "done", "iterations") else "left")
    done = {trial.spec for trial in trials if trial.result() is not None}
    for cell in plan.cells:
        values = [str(value) for name, value in plan.fields(cell).items() if name != "seed"]
        seeds = [spec for spec in plan.table_order() if _same_cell(spec, cell)]
        count = sum(spec in done for spec in seeds)
        table.add_row(*values, str(len(seeds)), str(count), str(cell.recipe.iterations))
    return table


def _same_cell(spec: Any, cell: Any) -> bool:
    return (spec.model, spec.data, spec.recipe) == (cell.model, cell.data, cell.recipe)


def estimate(todo: Sequence[Trial], device: str, jobs: int) -> float:
    """Return the seconds the trials would take: the smallest net is timed, the rest scaled by their FLOPs."""
    if not todo:
        return 0.0
    from resnet_lab.throughput import forward_flops, seconds_per_flop

    flops = {trial.spec.model: 0 for trial in todo}
    for trial in todo:
        flops[trial.spec.model] = flops[trial.spec.model] or forward_flops(trial.spec)
    smallest = min(todo, key=lambda trial: flops[trial.spec.model])
    rate = seconds_per_flop(smallest.spec, device)
    work = sum(flops[trial.spec.model] * trial.spec.recipe.iterations * trial.spec.recipe.batch_size for trial in todo)
    return work * rate / min(jobs, len(todo))


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _as_dict(
    plan: Plan, trials: Sequence[Trial], todo: Sequence[Trial], seconds: float, device: str, jobs: int
) -> dict[str, Any]:
    missing = {trial.spec for trial in todo}
    rows = [
        plan.fields(spec) | {"done": spec not in missing, "recipe.iterations": spec.recipe.iterations}
        for spec in plan.table_order()
    ]
    return {
        "study": plan.study.name,
        "scale": plan.scale,
        "cells": len(plan.cells),
        "seeds": list(plan.seeds),
        "trials": len(trials),
        "done": len(trials) - len(todo),
        "to_run": len(todo),
        "device": device,
        "jobs": jobs,
        "estimated_s": round(seconds, 1),
        "runs": rows,
    }
