"""The trials of a search as rows, and what they say of its fields."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.tables.labels import short_names
from resnet_lab.outcomes import Reason, Status
from resnet_lab.spec.choices import Value
from studies.search.optuna_search import Search

if TYPE_CHECKING:
    import optuna

MIN_COMPLETE = 8
"""Complete trials below which a forest of trees says nothing."""


def rows(search: Search) -> list[dict[str, Any]]:
    """Return a row for each trial that has ended: its number, values, `state`, `val/error` in per cent, epochs, folder.

    The state is complete, pruned, refused (an invalid combination), diverged or another failure's reason.
    A pruned trial's error is the last before it was stopped.
    """
    ended = (trial for trial in search.trials() if trial.state.is_finished())
    return [_row(trial) for trial in ended if state(trial) != Reason.INTERRUPTED]


def state(trial: "optuna.trial.FrozenTrial") -> str:
    """Return complete, pruned, refused, interrupted, or why the trial failed."""
    from optuna.trial import TrialState

    if trial.state == TrialState.COMPLETE:
        return Status.COMPLETE.value
    return str(trial.user_attrs.get("reason") or Reason.INTERRUPTED.value)


def _row(trial: "optuna.trial.FrozenTrial") -> dict[str, Any]:
    reported = trial.intermediate_values
    epochs = max(reported, default=None)
    error = trial.values[0] if trial.values else None if epochs is None else reported[epochs]
    ends = {"state": state(trial), "val/error": error, "epochs": epochs, "trial": trial.user_attrs.get("trial")}
    return {"number": trial.number, **trial.params, **ends}


def importance(search: Search) -> dict[str, float]:
    """Return each field's share of the variance between the complete trials (fANOVA, Hutter et al. 2014).

    Nothing is returned for fewer than MIN_COMPLETE complete trials, one field, or results that are all equal.
    """
    import optuna

    complete = [trial for trial in search.trials() if state(trial) == Status.COMPLETE]
    errors = {trial.values[0] for trial in complete}
    if len(complete) < MIN_COMPLETE or len(search.settings.space) < 2 or len(errors) < 2:
        return {}
    study = optuna.create_study()
    study.add_trials(complete)
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def values_text(values: Mapping[str, Value]) -> str:
    """Return `lr=0.0312, weight_decay=0.0001`, numbers to three digits."""
    short = short_names(values)
    return ", ".join(f"{short[n]}={v:.3g}" if isinstance(v, float) else f"{short[n]}={v}" for n, v in values.items())
