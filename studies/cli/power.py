"""How many seeds a study needs: `python -m studies.plan STUDY --effect 0.3 --sd 0.16`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from resnet_lab.errors import UserError
from resnet_lab.system.command import parse, reporting
from studies.plan.options import Options
from studies.plan.study import find_study


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOptions:
    """Options of the planning command."""

    study: Positional[str]
    """Name of the study, such as bn_placement."""
    effect: Annotated[float, arg(metavar="POINTS")]
    """Difference in test error to be found, in points."""
    sd: Annotated[float, arg(metavar="POINTS")]
    """Spread of one arm's results over seeds; of the paired differences with --kind paired."""
    kind: Literal["independent", "paired"] = "independent"
    """independent is the careful choice: it counts on nothing from shared seeds."""
    alpha: Annotated[float, arg(metavar="SHARE")] = 0.05
    """Chance to find a difference that is not there."""
    power: Annotated[float, arg(metavar="SHARE")] = 0.8
    """Chance to find the one that is."""
    scale: Literal["quick", "cpu", "paper"] = "paper"
    """Which of the study's scales to cost."""
    device: Annotated[str, arg(metavar="{auto,cpu,cuda}")] = "auto"
    """Where it would be trained."""
    jobs: Annotated[int, arg(metavar="INT")] = 0
    """Trials at once; 0 means as the study would choose."""
    json: bool = False
    """Print JSON."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print seeds, trials and time."""
    with reporting():
        options = parse(PowerOptions, prog="python -m studies.plan", description=__doc__ or "", argv=argv)
        answer = plan_seeds(options)
        if options.json:
            print(json.dumps(answer, indent=2))
            return
        from studies.plan.cost import duration

        print(
            f"{answer['seeds']} seeds an arm find {options.effect:g} points at sd {options.sd:g} with power "
            f"{options.power:g} (two-sided t test, {options.kind}, alpha {options.alpha:g})\n"
            f"{answer['cells']} cells x {answer['seeds']} seeds = {answer['trials']} trials, about "
            f"{duration(answer['estimated_s'])} with {answer['jobs']} at once on {answer['device']} "
            "(measured on a few steps here and now)"
        )


def plan_seeds(options: PowerOptions) -> dict[str, Any]:
    """Return seeds, trials and seconds. Raises UserError for numbers that make no sense or an unknown study."""
    from analysis.stats.power import seeds_needed
    from studies.plan.cost import estimate
    from studies.plan.plan import make_plan, trials_of
    from studies.runner.resources import resources

    try:
        seeds = seeds_needed(options.effect, options.sd, kind=options.kind, alpha=options.alpha, wanted=options.power)
    except ValueError as error:
        raise UserError(str(error)) from None
    study_options = Options(
        scale=options.scale, seeds=tuple(range(seeds)), device=options.device, jobs=options.jobs or "auto"
    )
    plan = make_plan(find_study(options.study), study_options)
    device, jobs = resources(study_options, plan.cells)
    trials = trials_of(plan, Path("."))
    return {
        "study": options.study,
        "scale": options.scale,
        "seeds": seeds,
        "cells": len(plan.cells),
        "trials": len(trials),
        "device": device,
        "jobs": jobs,
        "estimated_s": round(estimate(trials, device, jobs), 1),
    }
