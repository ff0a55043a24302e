"""The Optuna storage of planned trials, on a real SQLite file."""

import optuna
import pytest

from resnet_lab.outcomes import Reason
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials.trial import Trial
from studies.runner.optuna_store import OptunaStore, entries, from_storage

FIELDS = {"model.depth": 20, "model.block.norm_position": "after_add", "recipe.lr": 0.1, "seed": 3}


@pytest.fixture
def trial(tmp_path):
    return Trial(root=tmp_path / "trials", spec=replace(RunSpec(), FIELDS))


def stored(out):
    return optuna.load_study(storage=f"sqlite:///{out / 'optuna.db'}", study_name="s").get_trials()


def test_a_complete_trial_is_remembered_with_its_dotted_parameters(tmp_path, trial):
    store = OptunaStore.open(tmp_path, "s")
    store.start(trial, FIELDS)
    store.complete(trial, {"val/error": 5.5, "test/error": 6.5})
    again = OptunaStore.open(tmp_path, "s")
    assert again.is_complete(trial)
    (kept,) = stored(tmp_path)
    assert kept.params == FIELDS
    assert kept.value == 5.5
    assert kept.user_attrs["trial"] == trial.name


def test_failures_are_counted_over_launches_and_interruptions_are_not(tmp_path, trial):
    for reason in ("out of memory", Reason.INTERRUPTED, "killed by signal 9"):
        store = OptunaStore.open(tmp_path, "s")
        store.start(trial, FIELDS)
        store.fail(trial, reason)
    assert OptunaStore.open(tmp_path, "s").failures(trial) == 2
    assert [t.user_attrs["attempt"] for t in stored(tmp_path)] == [1, 2, 2]


def test_a_trial_left_running_by_a_dead_driver_is_failed_and_can_start_again(tmp_path, trial):
    OptunaStore.open(tmp_path, "s").start(trial, FIELDS)
    store = OptunaStore.open(tmp_path, "s")
    assert store.failures(trial) == 0
    store.start(trial, FIELDS)
    store.complete(trial, {"val/error": 1.0})
    assert [t.state.name for t in stored(tmp_path)] == ["FAIL", "COMPLETE"]


def test_a_trial_left_waiting_by_a_dead_driver_is_never_handed_out_for_another(tmp_path, trial):
    OptunaStore.open(tmp_path, "s")
    study = optuna.load_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", study_name="s")
    study.enqueue_trial({"seed": 9}, user_attrs={"trial": "another"})
    store = OptunaStore.open(tmp_path, "s")
    store.start(trial, FIELDS)
    store.complete(trial, {"val/error": 1.0})
    states = {t.user_attrs["trial"]: t.state.name for t in stored(tmp_path)}
    assert states == {"another": "FAIL", trial.name: "COMPLETE"}


def test_later_launches_may_ask_for_levels_the_first_did_not_know(tmp_path):
    store = OptunaStore.open(tmp_path, "s")
    for depth, seed in ((20, 0), (1202, 10**9)):
        fields = FIELDS | {"model.depth": depth, "seed": seed}
        trial = Trial(root=tmp_path, spec=replace(RunSpec(), fields))
        store.start(trial, fields)
        store.complete(trial, {"val/error": 1.0})
    assert [t.params["model.depth"] for t in stored(tmp_path)] == [20, 1202]


def test_the_tables_hold_what_optuna_reads_and_it_reads_where_they_are_not_as_known(tmp_path, trial):
    for reason in ("out of memory", Reason.INTERRUPTED):
        store = OptunaStore.open(tmp_path, "s")
        store.start(trial, FIELDS)
        store.fail(trial, reason)
    store.start(trial, FIELDS)
    store.complete(trial, {"val/error": 1.0})
    OptunaStore.open(tmp_path, "another").start(trial, FIELDS)
    path = tmp_path / "optuna.db"
    storage = optuna.storages.get_storage(f"sqlite:///{path}")
    study = storage.get_study_id_from_name("s")
    optuna.load_study(storage=storage, study_name="s").enqueue_trial({"seed": 9})  # by another program
    found = entries(path, storage, study)
    assert found == from_storage(storage, study)
    assert [(e.state, e.name, e.reason) for e in found] == [
        ("FAIL", trial.name, "out of memory"),
        ("FAIL", trial.name, Reason.INTERRUPTED),
        ("COMPLETE", trial.name, None),
        ("WAITING", "", None),
    ]
    assert entries(tmp_path / "no tables", storage, study) == found


def test_a_text_that_varies_is_kept_as_an_attribute(tmp_path, trial):
    store = OptunaStore.open(tmp_path, "s")
    for seed, weights in enumerate(("none", "/here/model.safetensors#0123456789ab")):
        spec = replace(RunSpec(), {"seed": seed, "recipe.weights": weights})
        store.start(Trial(root=trial.root, spec=spec), {"recipe.weights": weights, "seed": seed})
    kept = stored(tmp_path)
    assert [each.params for each in kept] == [{"seed": 0}, {"seed": 1}]
    assert [each.user_attrs["recipe.weights"] for each in kept] == ["none", "/here/model.safetensors#0123456789ab"]
