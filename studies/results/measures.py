"""Measures of a study's trained networks: taken in the workers' processes, kept with each trial, read as figures."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console

from resnet_lab.system import atomic
from resnet_lab.system.forked_call import submit
from resnet_lab.trials.trial import Trial
from studies.plan.measure import Measure

MODEL, FAILED = "model_sha256", "failed"
"""Keys of a measure's file beside its metrics: the network that was measured, and why it could not be."""


def take_measures(
    measures: Sequence[Measure], trials: Sequence[Trial], data_dir: Path | None, *, jobs: int, console: Console
) -> list[Trial]:
    """Take every measure of each complete trial that has not been taken; return the trials that were measured now.

    One that cannot be taken is kept with its sentence, and tried again by the next launch.
    """
    todo = [(measure, trial) for measure in measures for trial in trials if _is_due(measure, trial)]
    if not todo:
        return []
    names = ", ".join(dict.fromkeys(measure.name for measure, _ in todo))
    console.print(f"measuring trained networks: {names} of {len(todo)}", highlight=False)

    def found_in_fork(each: tuple[Measure, Trial]) -> dict[str, Any]:
        return submit(measured, each[0], each[1], data_dir).result()

    with ThreadPoolExecutor(jobs) as pool:
        found = pool.map(found_in_fork, todo)
        for (measure, trial), metrics in zip(todo, found, strict=True):
            content = {MODEL: (trial.result() or {}).get("sha256"), **metrics}
            atomic.write_json(_file(measure, trial), content)
    return list(dict.fromkeys(trial for _, trial in todo))


def measured(measure: Measure, trial: Trial, data_dir: Path | None) -> dict[str, Any]:
    """Return a trial's metrics, or under `failed` why there are none."""
    try:
        return dict(measure.take(trial, data_dir))
    except Exception as error:
        return {FAILED: f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"}


def metrics_of(measures: Sequence[Measure], trial: Trial) -> dict[str, float]:
    """Return what was measured of a trial's network by name."""
    contents = [_read(measure, trial) for measure in measures]
    return {name: value for each in contents for name, value in each.items() if name not in (MODEL, FAILED)}


def failures_of(measures: Sequence[Measure], trials: Sequence[Trial]) -> Iterator[tuple[Measure, Trial, str]]:
    """Yield every measure that could not be taken of a trial, and why."""
    for measure in measures:
        for trial in trials:
            if sentence := _read(measure, trial).get(FAILED):
                yield measure, trial, str(sentence)


def _is_due(measure: Measure, trial: Trial) -> bool:
    """Whether a trial is complete, and its present network has not been measured."""
    result = trial.result()
    kept = _read(measure, trial)
    return result is not None and (kept.get(MODEL, result["sha256"]) != result["sha256"] or FAILED in kept or not kept)


def _read(measure: Measure, trial: Trial) -> Mapping[str, Any]:
    try:
        content = json.loads(_file(measure, trial).read_bytes())
    except (OSError, ValueError):  # not taken yet, or damaged: it is taken again
        return {}
    return content if isinstance(content, dict) else {}


def _file(measure: Measure, trial: Trial) -> Path:
    return trial.folder / f"{measure.name}.json"
