"""Outcomes of a plan's trials as rows: varied fields, status, reason, final figures."""

from collections.abc import Sequence
from typing import Any

from analysis.comparison.arms import ArmRow, summarise
from analysis.results.trials import FAULTS, REPEAT
from resnet_lab.spec.protocol import fault_words
from resnet_lab.trials.trial import Trial
from studies.plan.plan import Plan
from studies.results.measures import metrics_of

Row = dict[str, Any]


def outcomes(plan: Plan, trials: Sequence[Trial]) -> list[Row]:
    """Return one row per run, in the order of the table: the varied fields, status, reason and final figures.

    A failed one has `detail` where its error had a sentence.
    """
    by_spec = {trial.spec: trial for trial in trials}
    return [_outcome(plan, by_spec[spec]) for spec in plan.table_order()]


def rows_of(plan: Plan, trials: Sequence[Trial]) -> tuple[list[Row], list[ArmRow]]:
    """Return the runs, and the arms they make up."""
    runs = outcomes(plan, trials)
    return runs, summarise(runs, arm=tuple(plan.arm), context=tuple(plan.context), baseline=plan.baseline())


def _outcome(plan: Plan, trial: Trial) -> Row:
    outcome = trial.outcome()
    row: Row = plan.fields(trial.spec) | {"trial": trial.name, "status": outcome.status.value, "reason": outcome.reason}
    if outcome.sentence:
        row["detail"] = outcome.sentence
    if faults := fault_words(trial.spec):
        row[FAULTS] = faults
    if plan.dealt > 1:
        row |= {REPEAT: plan.repeat_of(trial.spec.seed), "data.split": trial.spec.data.split}
    measured = metrics_of(plan.study.measures, trial) if outcome.result else {}
    return row | measured | {name: value for name, value in (outcome.result or {}).items() if name != "sha256"}
