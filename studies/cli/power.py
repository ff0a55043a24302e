"""How many seeds a study needs: `python -m studies.plan STUDY --effect 0.3 --sd 0.16`."""

import dataclasses
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from tyro.conf import Positional, arg

from resnet_lab.errors import UserError
from resnet_lab.system.command import parse, reporting
from studies.plan.options import Options
from studies.plan.study import find_study

WIDTH = 80
Scale = Literal["quick", "cpu", "paper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOptions:
    """Options of the planning command."""

    study: Positional[str]
    """Name of the study, such as bn_placement."""
    effect: Annotated[float, arg(metavar="POINTS")]
    """Difference in test error to be found, in points."""
    sd: Annotated[float, arg(metavar="POINTS")]
    """Spread of one arm's results over seeds."""
    kind: Literal["paired", "independent"] = "paired"
    """paired is the test that a study makes, with n - 1 degrees of freedom; independent has 2n - 2."""
    correlation: Annotated[float, arg(metavar="R")] = 0.0
    """With paired: of two arms over shared seeds. 0 counts on nothing; 0.5 makes --sd that of the differences."""
    alpha: Annotated[float, arg(metavar="SHARE")] = 0.05
    """Chance to find a difference that is not there."""
    power: Annotated[float, arg(metavar="SHARE")] = 0.8
    """Chance to find the one that is."""
    scale: Annotated[Scale | None, arg(metavar="{quick,cpu,paper}", help_behavior_hint="")] = None
    """Which of the study's scales to cost. Default: the only one it has, else paper."""
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
        print(json.dumps(answer, indent=2) if options.json else text(options, answer))


def text(options: PowerOptions, answer: Mapping[str, Any]) -> str:
    """Return the seeds without and with Holm's correction, and what the latter cost, in at most 80 columns."""
    from resnet_lab.trials.cost import duration

    spread = f"sd of the differences {answer['difference_sd']:.3g}, " if options.kind == "paired" else ""
    head = (
        f"To find {options.effect:g} points at sd {options.sd:g} with power {options.power:g}: two-sided "
        f"{options.kind} t test, {spread}alpha {options.alpha:g}."
    )
    family = answer["comparisons"]
    holm = f"with Holm over {family} comparison{'s' if family != 1 else ''} (first step, alpha / {family})"
    cost = (
        f"{answer['cells']} cells x {answer['seeds']} seeds = {answer['trials']} trials, about "
        f"{duration(answer['estimated_s'])} with {answer['jobs']} at once on {answer['device']} (measured on a few "
        "steps here and now)"
    )
    alone = answer["seeds_uncorrected"]
    lines = [
        *textwrap.wrap(head, WIDTH),
        f"  one comparison alone, uncorrected: {alone} seeds an arm",
        f"  {holm}: {answer['seeds']} seeds an arm",
    ]
    if answer["seeds"] > alone:
        lines.append(f"  (with {alone} seeds the power after Holm's correction is {answer['power_with_fewer']:.2f})")
    return "\n".join([*lines, *textwrap.wrap(cost, WIDTH)])


def plan_seeds(options: PowerOptions) -> dict[str, Any]:
    """Return seeds, trials and seconds. Raises UserError for numbers that make no sense or an unknown study."""
    from resnet_lab.runner.resources import resources
    from resnet_lab.trials.cost import estimate
    from studies.plan.plan import comparisons, make_plan, trials_of

    study = find_study(options.study)
    only = next(iter(study.scales)) if len(study.scales) == 1 else "paper"
    scale = options.scale or cast("Scale", only)
    study_options = Options(scale=scale, device=options.device, jobs=options.jobs or "auto")
    plan = make_plan(study, study_options)
    found = seeds_for(options, len(comparisons(plan)))
    device, jobs, _ = resources(study_options, plan.cells)
    trials = trials_of(dataclasses.replace(plan, seeds=tuple(range(found["seeds"]))), Path("."))
    return {
        "study": options.study,
        "scale": scale,
        **found,
        "cells": len(plan.cells),
        "trials": len(trials),
        "device": device,
        "jobs": jobs,
        "estimated_s": round(estimate(trials, device, jobs), 1),
    }


def seeds_for(options: PowerOptions, family: int) -> dict[str, Any]:
    """Return the seeds that the effect takes, without and with Holm's correction over `family` comparisons.

    `seeds` are those with it. Raises UserError for numbers that make no sense.
    """
    from analysis.stats.power import difference_sd, first_step, power, seeds_needed

    try:
        sd = difference_sd(options.sd, options.correlation) if options.kind == "paired" else options.sd
        alphas = (options.alpha, first_step(options.alpha, family))
        alone, corrected = (
            seeds_needed(options.effect, sd, kind=options.kind, alpha=alpha, wanted=options.power) for alpha in alphas
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    return {
        "seeds": corrected,
        "seeds_uncorrected": alone,
        "comparisons": family,
        "kind": options.kind,
        "difference_sd": sd if options.kind == "paired" else None,
        "power_with_fewer": power(options.effect, sd, alone, kind=options.kind, alpha=alphas[1]),
    }
