"""The record of an open search: search.json, which its report is made of."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten, replace
from studies.plan.design import Design
from studies.plan.options import Options
from studies.plan.plan import Plan, make_plan
from studies.plan.spaces import Choose, Space, start_of
from studies.plan.study import command_of
from studies.search.optuna_search import Search
from studies.search.rows import importance, rows

if TYPE_CHECKING:
    from resnet_lab.inspect.trace import Trace

CONFIRMED_BY = 5
"""Fresh seeds that the winner is to be run with."""


def search_record(plan: Plan, search: Search) -> dict[str, Any]:
    """Return the search as JSON takes it: what was asked, its space, the winner and every trial."""
    settings, best = search.settings, search.best()
    flat, defaults = flatten(settings.base), flatten(RunSpec())
    fields = {each.field for each in settings.space}
    return {
        "study": plan.study.name,
        "question": plan.study.question,
        "scale": plan.scale,
        "dataset": settings.base.data.name.value,
        "algorithm": settings.algorithm.value,
        "pruner": settings.pruner.value,
        "budget": settings.budget,
        "epochs": settings.epochs,
        "seed": settings.base.seed,
        "space": ranges(settings.space),
        "start": start_of(settings.space, flat),
        "fixed": {n: v for n, v in flat.items() if v != defaults[n] and n not in fields and n != "seed"},
        "winner": None
        if best is None
        else {**best.params, "val/error": best.values[0], "trial": best.user_attrs["trial"]},
        "confirm": "" if best is None else confirm(plan, replace(settings.base, dict(best.params))),
        "importance": importance(search),
        "trials": _with_sizes(search),
    }


def ranges(space: Space) -> list[dict[str, Any]]:
    """Return each field with its levels, or with its limits."""
    return [
        {"field": each.field, "values": list(each.values)}
        if isinstance(each, Choose)
        else {"field": each.field, "low": each.low, "high": each.high, "log": each.log}
        for each in space
    ]


def confirm(plan: Plan, winner: RunSpec) -> str:
    """Return the command that runs one network of a study with seeds from 0 on."""
    seeds = tuple(range(CONFIRMED_BY))
    flat = flatten(winner)
    varied = {name: flat[name] for name in (*plan.context, *plan.arm)}
    options = Options(
        scale=plan.scale,  # type: ignore[arg-type]  # it was an option
        dataset=winner.data.name,
        data_dir=plan.data_dir,
        design=Design.FULL,  # of one level each: a single cell, which other designs may refuse
        seeds=seeds,
        assignments=_assigned(varied),
    )
    known = flatten(make_plan(plan.study, options).cells[0])
    rest = {name: value for name, value in flat.items() if value != known[name] and name != "seed"}
    words = [*command_of(plan.study), "--scale", plan.scale, "--dataset", winner.data.name.value]
    words += ["--data-dir", str(plan.data_dir)] if plan.data_dir is not None else []
    words += [] if plan.study.design == Design.FULL else ["--design", Design.FULL.value]
    return shlex.join([*words, "--seeds", *map(str, seeds), "--set", *_assigned({**varied, **rest})])


def _assigned(values: Mapping[str, Value]) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in values.items())


def _with_sizes(search: Search) -> list[dict[str, Any]]:
    """Return the rows of the trials, each with its network's parameters and FLOPs an image, where it was run."""
    found, traced = rows(search), dict[Any, "Trace"]()
    for row in found:
        if row["trial"] is None:
            continue
        spec = replace(search.settings.base, {each.field: row[each.field] for each in search.settings.space})
        sizes = traced.get(spec.model) or traced.setdefault(spec.model, _trace(spec))
        row |= {"parameters": sizes.parameters, "flops": sizes.flops}
    return found


def _trace(spec: RunSpec) -> "Trace":
    from resnet_lab.data.catalog import info_of
    from resnet_lab.inspect.trace import trace

    info = info_of(spec.data)
    return trace(spec.model, channels=info.channels, classes=info.classes, size=info.size)
