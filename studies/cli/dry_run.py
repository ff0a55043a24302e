"""The dry run: plan, trials that are done, time and audit, printed and not written."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.tables.cells import arm_label
from analysis.tables.claim_words import statement
from analysis.tables.fault_words import RED
from analysis.tables.labels import MANY
from resnet_lab.data.load import ensure
from resnet_lab.runner.fleet.placement import place
from resnet_lab.runner.resources import require_kernels
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten
from resnet_lab.spec.protocol import fault_words
from resnet_lab.spec.recipes import recipe_lines
from resnet_lab.system.activity import activity
from resnet_lab.system.environment import training_code
from resnet_lab.trials.cost import duration, estimate, estimate_many
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.versions import Versions, is_of_other_code
from studies.audit import text as audit_text
from studies.audit.audit import Audit, audit
from studies.audit.network_facts import measure_networks
from studies.cli.greeting import audit_words
from studies.cli.launch import planned
from studies.modes.mode import make_mode
from studies.plan.claims import claims_of
from studies.plan.further import Further
from studies.plan.options import Options
from studies.plan.plan import Plan, recipe_of, trials_of
from studies.plan.study import Study


def preview(study: Study, options: Options) -> int:
    """Print the plan and write nothing but what the cache keeps of its networks."""
    plan = planned(study, options)
    mode = make_mode(plan, options)
    if options.data_dir is not None:  # without one, a plan needs no images: they are downloaded when it is run
        ensure(plan.cells[0].data, options.data_dir)
    where = place(options, plan.cells)
    require_kernels(where.device, options.kernels)
    with activity(audit_words(len(plan.cells)), Console(stderr=True)):
        checked = audit(plan, measure_networks(plan))
    show(
        checked,
        trials_of(checked.plan, options.out),
        device=where.device,
        jobs=where.slots,
        fleet=where.text,
        as_json=options.json,
        fresh=options.fresh,
        further=mode.further(checked.plan),
    )
    return 0


def show(
    audit: Audit,
    trials: Sequence[Trial],
    *,
    device: str,
    jobs: int,
    as_json: bool,
    fresh: bool = False,
    fleet: str = "",
    further: Further | None = None,
) -> None:
    """Print cells, seeds, what is done already, an estimate of the time and versions that would mix. Writes nothing.

    With `fresh`, what other code trained counts as still to run. `fleet` is where trials run, where that is more than
    one processor or GPU: `4 nodes`. `further` are the trials of the launch's mode.
    """
    plan = audit.plan
    code = training_code()
    todo = [trial for trial in trials if trial.result() is None or (fresh and is_of_other_code(trial, code))]
    if further is not None and further.replaces_plan:
        trials, todo = [], []
    with activity("timing a few training steps", Console(stderr=True)):
        seconds = estimate(todo, device, jobs)
        more = estimate_many(further.likes, device, jobs) if further is not None else 0.0
    versions = "" if fresh else Versions.of(trials, code).line()
    if as_json:
        content = _as_dict(plan, trials, todo, seconds, device, jobs) | {"audit": audit_text.as_dict(audit)}
        content |= {"versions": versions} if versions else {}
        content |= {"fleet": fleet} if fleet else {}
        if further is not None:
            content["runs"] = [] if further.replaces_plan else content["runs"]
            content["further"] = {"what": further.sentence, "trials": further.count, "estimated_s": round(more, 1)}
        print(json.dumps(content, indent=2))
        return
    console = Console()
    place = f"{jobs} at once on {device}" + (f" of {fleet}" if fleet else "")
    likeness = ", as if all of the fleet were like this machine" if fleet else ""
    measured = f"(measured on a few steps here and now{likeness})"
    if further is None or not further.replaces_plan:
        console.print(_table(plan, trials, todo))
        console.print(
            f"{len(plan.cells)} cells x {len(plan.seeds)} seeds = {len(trials)} trials on {_data(plan)}; "
            f"{len(trials) - len(todo)} done already, {len(todo)} to run, {place}"
        )
        console.print(f"estimated time: {duration(seconds)} {measured}")
    else:
        console.print(plan.study.question, markup=False)
    if further is not None:
        console.print(f"{further.sentence}: at most {further.count} trials on {_data(plan)}, {place}")
        console.print(f"estimated time of these: at most {duration(more)} {measured}, were none of them trained before")
    for line in _unvaried_lines(plan):
        console.print(line, highlight=False, markup=False)
    if versions:
        console.print(versions, highlight=False, soft_wrap=True)
    console.print("\n".join(audit_text.lines(audit, console.width)), highlight=False, markup=False)
    for line in _claims(plan):
        console.print(line, highlight=False, markup=False)
    if (recipe := recipe_of(plan)) is not None:
        console.print("\n".join(recipe_lines(recipe, (*plan.arm, *plan.context))), highlight=False, markup=False)


def _unvaried_lines(plan: Plan) -> list[str]:
    """Return what all runs have unlike the defaults, and what goes with a level, as text."""
    shared = f"in every run: {_pairs(fixed)}" if (fixed := _fixed(plan)) else ""
    implied = [f"with {level}: {_pairs(fields)}" for level, fields in _implied(plan).items()]
    return [part for line in (shared, *implied) if line for part in _wrapped(line)]


def _fixed(plan: Plan) -> dict[str, Value]:
    """Return the fields that all runs share, which no arm varies and whose value is not the default."""
    first, *others = map(flatten, plan.cells)
    default, quiet = flatten(RunSpec()), {*plan.arm, *plan.context, "seed", "data.name", "data.contents"}
    shared = {name for name in first if all(other[name] == first[name] for other in others)}
    return {name: value for name, value in first.items() if name in shared - quiet and value != default[name]}


def _implied(plan: Plan) -> dict[str, dict[str, Value]]:
    """Return what goes with each level, by the level as text: those fields that some run of it then has."""
    cells = [flatten(cell) for cell in plan.cells]
    found: dict[str, dict[str, Value]] = {}
    for (name, value), fields in plan.study.implies.items():
        of_level = [cell for cell in cells if name in plan.arm and cell[name] == value]
        kept = {field: one for field, one in fields.items() if any(cell[field] == one for cell in of_level)}
        found |= {f"{_short(name)}={value}": kept} if kept else {}
    return found


def _pairs(fields: Mapping[str, Value]) -> str:
    return ", ".join(f"{name}={value}" for name, value in fields.items())


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 80, subsequent_indent="  ", break_on_hyphens=False)


def _claims(plan: Plan) -> list[str]:
    """Return what `--check-claims` would answer of this plan."""
    lines = [f"claim: {statement(claim)}" for claim in claims_of(plan)]
    return [part for line in lines for part in _wrapped(line)]


def _data(plan: Plan) -> str:
    splits = f", over {plan.splits} train/validation splits" if plan.splits > 1 else ""
    return plan.cells[0].data.name.value + splits


def _table(plan: Plan, trials: Sequence[Trial], todo: Sequence[Trial]) -> Table:
    table = Table(title=plan.study.question, box=None, pad_edge=False, title_justify="left")
    wide = len(plan.arm) > MANY
    names = [*(name.rpartition(".")[2] for name in plan.context), *(["arm"] if wide else map(_short, plan.arm))]
    for name in (*names, "seeds", "done", "iterations"):
        table.add_column(name, justify="right" if name in ("seeds", "done", "iterations") else "left")
    done = {trial.spec for trial in trials} - {trial.spec for trial in todo}
    for cell in plan.cells:
        arm = plan.arm_of(cell)
        context = [str(value) for value in plan.context_of(cell).values()]
        values = [*context, *([arm_label(arm, plan.baseline())] if wide else map(str, arm.values()))]
        seeds = plan.runs_of(cell)
        count = sum(spec in done for spec in seeds)
        style = RED if fault_words(cell) else ""
        table.add_row(*values, str(len(seeds)), str(count), str(cell.recipe.iterations), style=style)
    return table


def _short(name: str) -> str:
    return name.rpartition(".")[2]


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
        "claims": [claim.as_dict() for claim in claims_of(plan)],
        "fixed": _fixed(plan),
        "implied": _implied(plan),
        "runs": rows,
    }
