"""The contract of trial stores, over both: the driver relies on nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from resnet_lab.outcomes import MAX_RETRIES, Reason
from resnet_lab.runner.trial_store import TrialStore
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials.trial import Trial
from studies.plan.spaces import loguniform
from studies.runner.optuna_store import OptunaStore
from studies.search.optuna_search import SEED, Search, Settings
from studies.search.search_group import SearchGroup

FIELDS = {"recipe.lr": 0.1, "seed": SEED}
SPEC = replace(RunSpec(), {"recipe.iterations": 40, **FIELDS})
RESULT = {"val/error": 5.5, "test/error": 6.5}


class Opened(NamedTuple):
    """A store as one driver opens it, and a trial that it may start."""

    store: TrialStore
    trial: Trial


def planned(out: Path) -> Opened:
    return Opened(OptunaStore.open(out, "s"), Trial(root=out / "trials", spec=SPEC))


def searched(out: Path) -> Opened:
    settings = Settings(base=SPEC, space=(loguniform("recipe.lr", 1e-3, 1.0),), budget=8, epochs=4)
    group = SearchGroup([Search.open(f"sqlite:///{out / 'optuna.db'}", "s", settings, out / "trials")])
    trial = group.propose()
    assert trial is not None
    return Opened(group, trial)


@pytest.fixture(params=[planned, searched], ids=["OptunaStore", "SearchGroup"])
def opened(request, tmp_path) -> Callable[[], Opened]:
    """Open the store, as often as one likes, each time as another driver would."""
    return lambda: request.param(tmp_path)


def test_a_complete_trial_is_complete(opened):
    store, trial = opened()
    store.start(trial, FIELDS)
    store.complete(trial, RESULT)
    assert store.is_complete(trial)
    assert store.failures(trial) == 0


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.is_charged and not reason.is_final])
def test_a_failure_is_charged_and_may_be_tried_again(opened, reason):
    store, trial = opened()
    for attempt in range(1, MAX_RETRIES + 2):
        store.start(trial, FIELDS)
        store.fail(trial, reason)
        assert store.failures(trial) == attempt
        assert reason.is_retried(attempt) == (attempt <= MAX_RETRIES)


@pytest.mark.parametrize("reason", [Reason.INTERRUPTED, Reason.USER_ERROR])
def test_what_is_not_the_trials_fault_is_not_charged_over_launches(opened, reason):
    store, trial = opened()
    store.start(trial, FIELDS)
    store.fail(trial, reason)
    assert store.failures(trial) == 0
    later, same = opened()
    assert same.name == trial.name
    assert later.failures(same) == 0
    later.start(same, FIELDS)
    later.complete(same, RESULT)
    assert later.is_complete(same)


def test_failures_are_counted_over_launches(opened):
    store, trial = opened()
    store.start(trial, FIELDS)
    store.fail(trial, "killed by signal 9")
    store.start(trial, FIELDS)  # tried again when its driver died
    later, same = opened()
    assert same.name == trial.name
    assert later.failures(same) == 1
