"""Trial rows: one mapping per trial, with dotted names as keys.

Every trial has the fields that the analysis is asked to group by, "seed", "status" ("complete", "failed" or
"missing": planned and not ended), "reason" (text or None), "detail" (the sentence of a failure's error, where it had
one) and, if complete, the metric, such as "test/error"
in per cent. A complete trial whose metric is absent or not finite counts as failed.

A diverged trial is an outcome, the worst there is: its metric is infinite. A trial that failed otherwise, by a fault of
the machine, is missing.

A seed is one independent repeat. Where several seeds share a train/validation split or a tuning search, their trials
have one "repeat", which is then the unit of every interval and test.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from resnet_lab.errors import UserError
from resnet_lab.outcomes import Reason, Status, reason_of, with_sentence
from resnet_lab.spec.choices import Value

TrialRow = Mapping[str, Any]
REPEAT = "repeat"
"""The key of the number of the repeat that a trial is of; where it is absent, that is the seed."""
FAULTS = "faults"
"""The key of what is wrong with a trial's protocol, in words; absent where it is correct."""


def group(trials: Sequence[TrialRow], names: Sequence[str]) -> dict[tuple[Value, ...], list[TrialRow]]:
    """Return the trials by the values of the named fields, groups and trials in the order of appearance."""
    groups: dict[tuple[Value, ...], list[TrialRow]] = {}
    for trial in trials:
        groups.setdefault(tuple(trial[name] for name in names), []).append(trial)
    return groups


def failure(trial: TrialRow, metric: str) -> str | None:
    """Return why a trial ended without a result, or None for one that is complete or missing."""
    if trial["status"] == Status.FAILED:
        return str(trial.get("reason") or "no reason recorded")
    if trial["status"] == Status.COMPLETE and not math.isfinite(_number(trial, metric)):
        return f"{metric} is {trial.get(metric)}"
    return None


def reasons(trials: Sequence[TrialRow], metric: str) -> tuple[str, ...]:
    """Return `seed S: why: sentence` for each failed trial and for each missing one that has a reason."""
    why = [(trial, failure(trial, metric) or _wait(trial)) for trial in trials]
    return tuple(f"seed {trial['seed']}: {with_sentence(text, trial.get('detail', ''))}" for trial, text in why if text)


def results_by_seed(trials: Sequence[TrialRow], metric: str) -> dict[int, float]:
    """Return {seed: metric} of the complete trials of one arm.

    Raises UserError for two complete trials of one seed: they differ in a field that nobody named.
    """
    results: dict[int, float] = {}
    for trial in trials:
        if trial["status"] != Status.COMPLETE or failure(trial, metric):
            continue
        if trial["seed"] in results:
            raise UserError(
                f"two complete trials of seed {trial['seed']} fall into one arm: add the field in which they"
                " differ to those of the arm or of the context"
            )
        results[trial["seed"]] = _number(trial, metric)
    return results


def is_diverged(trial: TrialRow) -> bool:
    """Return whether a trial's outcome is that it diverged."""
    return trial["status"] == Status.FAILED and reason_of(trial.get("reason")) == Reason.DIVERGED


def outcomes_by_seed(trials: Sequence[TrialRow], metric: str) -> dict[int, float]:
    """Return {seed: metric} of the trials of one arm that have an outcome, infinity for those that diverged.

    Raises UserError for two complete trials of one seed.
    """
    known = results_by_seed(trials, metric)
    diverged = {trial["seed"] for trial in trials if is_diverged(trial)}
    seeds = dict.fromkeys(trial["seed"] for trial in trials)
    return {seed: known.get(seed, math.inf) for seed in seeds if seed in known or seed in diverged}


def outcomes_by_repeat(trials: Sequence[TrialRow], metric: str) -> dict[int, float]:
    """Return {repeat: the mean of its seeds} of the trials of one arm, infinite where one of them diverged.

    A repeat that lacks a seed's outcome is left out: its pair in another arm would be of other seeds. Raises UserError
    for two complete trials of one seed.
    """
    known, seeds = outcomes_by_seed(trials, metric), seeds_by_repeat(trials)
    return {
        repeat: fmean(known[seed] for seed in members)
        for repeat, members in seeds.items()
        if all(seed in known for seed in members)
    }


def repeat_of(trial: TrialRow) -> int:
    """Return the number of the repeat that a trial is of."""
    repeat: int = trial.get(REPEAT, trial["seed"])
    return repeat


def seeds_by_repeat(trials: Sequence[TrialRow]) -> dict[int, list[int]]:
    """Return {repeat: its seeds} of the trials of one arm, each itself where the trials name no repeats."""
    repeats: dict[int, dict[int, None]] = {}
    for trial in trials:
        repeats.setdefault(repeat_of(trial), {})[trial["seed"]] = None
    return {repeat: list(seeds) for repeat, seeds in repeats.items()}


def _number(trial: TrialRow, metric: str) -> float:
    value = trial.get(metric)
    return math.nan if value is None else float(value)


def _wait(trial: TrialRow) -> str | None:
    return trial.get("reason") if trial["status"] == Status.MISSING else None
