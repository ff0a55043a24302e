"""The command's words: the plan of a dry run, how the trial ended, and where it is; as lines and as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resnet_lab.inspect.facts import NetworkFacts
from resnet_lab.metrics import METRICS, TEST_ERROR, VAL_ERROR
from resnet_lab.outcomes import Status, with_sentence
from resnet_lab.runner.identity import TrialIdentity
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import flatten
from resnet_lab.spec.protocol import fault_words
from resnet_lab.spec.recipes import recipe_lines
from resnet_lab.tracking import Tracker
from resnet_lab.trials.cost import duration, estimate
from resnet_lab.trials.trial import Trial


def changed(spec: RunSpec) -> dict[str, Any]:
    """Return the fields that differ from the baseline of He et al. 2015."""
    defaults = flatten(RunSpec())
    return {name: value for name, value in flatten(spec).items() if value != defaults[name]}


def show_plan(
    trial: Trial, facts: NetworkFacts, device: str, recipe: Mapping[str, Any] | None, *, as_json: bool
) -> None:
    """Print what would be trained, whether it is done already, and how long it would take. Writes nothing."""
    done = trial.result() is not None
    seconds = 0.0 if done else estimate([trial], device, 1)
    spec = trial.spec
    if as_json:
        content = {"trial": trial.name, "done": done, "device": device, "estimated_s": round(seconds, 1)}
        network = {"parameters": facts.parameters, "flops": facts.flops, "depth": facts.depth}
        print(json.dumps({**content, "network": network, "recipe": recipe, "spec": flatten(spec)}, indent=2))
        return
    print(f"trial:      {trial.name}{' (done already)' if done else ''}")
    print(f"network:    {spec.model.name}, {facts.parameters:,} parameters, {facts.flops / 1e6:,.1f} MFLOPs an image")
    print(f"iterations: {spec.recipe.iterations} of {spec.recipe.batch_size} images of {spec.data.name} on {device}")
    print(f"fields:     {', '.join(f'{name}={value}' for name, value in changed(spec).items()) or 'the baseline'}")
    if faults := fault_words(spec):
        print(f"protocol:   FAULTY: {faults}")
    for line in recipe_lines(recipe) if recipe else ():
        print(line)
    print(f"estimated time: {duration(seconds)} (measured on a few steps here and now)")


def closing_lines(
    identity: TrialIdentity, out: Path, tracker: Tracker, run_id: str | None, recipe: Mapping[str, Any] | None
) -> list[str]:
    """Return how the trial ended, by which recipe preset, and where its folder and its run are."""
    folder = out / "trials" / identity.name
    lines = [_ended(identity), *(recipe_lines(recipe) if recipe else ()), f"trial and checkpoint: {folder}"]
    if tracker.ui_command:
        lines.append(f"MLflow UI: {tracker.ui_command}")
    lines.append(f"run:       {tracker.link_of(run_id) if run_id else tracker.deep_link}")
    return lines


def _ended(identity: TrialIdentity) -> str:
    outcome = identity.trial.outcome()
    if outcome.result is None:
        return f"{identity.label}: {with_sentence(outcome.reason or 'no result', outcome.sentence)}"
    result = outcome.result
    figures = [METRICS[name].text(result[name]) for name in (TEST_ERROR, VAL_ERROR) if name in result]
    return f"{identity.label}: {', '.join(figures)}, {duration(result['time/train_s'])} of training"


def as_dict(identity: TrialIdentity, run_id: str | None, recipe: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the trial's name, folder, status and figures, its recipe preset and its fields."""
    outcome = identity.trial.outcome()
    named = {"trial": identity.name, "folder": str(identity.trial.folder), "run_id": run_id, "status": outcome.status}
    failure = {} if outcome.status == Status.COMPLETE else {"reason": outcome.reason, "detail": outcome.detail}
    return {**named, **failure, **(outcome.result or {}), "recipe": recipe, "spec": dict(identity.params)}
