"""A search as trial store and searcher: budget, pruning, interruption, duplicates, on a real SQLite file."""

import math

import optuna
import pytest
from optuna.trial import TrialState

from analysis.tables.search_words import state_counts
from resnet_lab.errors import UserError
from resnet_lab.outcomes import MAX_RETRIES, Reason
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from studies.plan.options import Algorithm, Pruner
from studies.plan.spaces import Choose, Tune, loguniform, start_of, uniform
from studies.search.optuna_search import SEED, Search, Settings
from studies.search.rows import importance, rows

LR = loguniform("recipe.lr", 1e-3, 1.0)
BASE = replace(RunSpec(), {"recipe.iterations": 40, "seed": SEED})


@pytest.fixture
def opened(tmp_path):
    """Open the search of a name, as often as one likes, each time as another driver would."""

    def open_(name="s", database="optuna", **changes):
        settings = Settings(**{"base": BASE, "space": (LR,), "budget": 8, "epochs": 4} | changes)
        return Search.open(f"sqlite:///{tmp_path / database}.db", name, settings, tmp_path / "trials")

    return open_


def distance(spec):
    """A valley with its floor at 0.03."""
    return 5 + abs(math.log10(spec.recipe.lr / 0.03))


def spend(search):
    proposed = []
    while (trial := search.propose()) is not None:
        proposed.append(trial.spec.recipe.lr)
        search.complete(trial, {"val/error": distance(trial.spec), "test/error": 99.0})
    return proposed


def test_the_budget_is_spent_and_begins_with_the_recipe_as_it_is(opened):
    search = opened()
    proposed = spend(search)
    assert proposed[0] == BASE.recipe.lr == 0.1
    assert len(proposed) == 8
    assert all(1e-3 <= lr <= 1 for lr in proposed)
    assert search.budget == 0
    assert search.chosen()["recipe.lr"] == min(proposed, key=lambda lr: abs(math.log10(lr / 0.03)))
    assert search.best().values[0] <= distance(BASE)
    assert state_counts(rows(search)) == "8 trials: 8 complete"


def test_a_search_that_was_resumed_proposes_what_it_would_have(opened):
    undisturbed = spend(opened())
    resumed = [lr for budget in (2, 5, 8) for lr in spend(opened(database="other", budget=budget))]
    assert resumed == undisturbed
    assert len(set(resumed)) == 8


def test_an_interrupted_trial_is_proposed_again_and_costs_nothing(opened):
    first = opened()
    one, two = first.propose(), first.propose()
    first.fail(one, Reason.INTERRUPTED)  # the driver ends it in order; the other is left as a killed driver leaves it
    again = opened()
    assert {again.propose().name, again.propose().name} == {one.name, two.name}
    assert again.spent == 2
    assert again.budget == 6


def test_the_same_run_twice_is_trained_once(opened):
    search = opened(space=(Choose(field="recipe.optimizer", values=("sgd", "adam")),), budget=6)
    first, second = search.propose(), search.propose()
    assert {first.spec.recipe.optimizer, second.spec.recipe.optimizer} == {"sgd", "adam"}
    assert search.propose() is None  # all others of the budget are one of the two
    for trial, error in ((first, 5.0), (second, 6.0)):
        search.complete(trial, {"val/error": error})
    assert search.best().values[0] == 5.0
    assert len(rows(search)) == 6


def test_the_median_prunes_what_is_worse_than_the_other_trials_of_this_search(opened):
    search = opened(budget=12)
    for _ in range(4):
        trial = search.propose()
        assert not prunes(search, trial, [epoch(n, 10.0) for n in (1, 2, 3, 4)])
        search.complete(trial, {"val/error": 10.0})
    bad, good = search.propose(), search.propose()
    assert not prunes(search, bad, [epoch(1, 60.0)])
    assert prunes(search, bad, [epoch(2, 50.0)])
    search.prune(bad)
    assert not prunes(search, good, [epoch(1, 9.0), epoch(2, 9.0)])
    pruned = [row for row in rows(search) if row["state"] == "pruned"]
    assert [(row["val/error"], row["epochs"]) for row in pruned] == [(50.0, 2)]
    assert search.trials()[4].state == TrialState.PRUNED
    other = opened("another arm")
    assert not prunes(other, other.propose(), [epoch(1, 90.0), epoch(2, 90.0)])


def prunes(search, trial, records):
    search.report(trial, records)
    return search.should_prune(trial)


def epoch(number, error):
    return {"epoch": number, "iteration": 10 * number, "val/error": error}


def test_a_trial_in_its_last_epoch_is_never_pruned(opened):
    search = opened(budget=12)
    for _ in range(4):
        trial = search.propose()
        search.report(trial, [epoch(n, 10.0) for n in (1, 2, 3, 4)])
        search.complete(trial, {"val/error": 10.0})
    trial = search.propose()
    assert not prunes(search, trial, [epoch(n, 50.0) for n in (1, 2, 3, 4)])


def test_asha_lets_the_best_third_of_a_rung_go_on_whenever_it_comes(opened):
    """Nine epochs: rungs at 1, 3 and 9. No trial waits for others, so the first to come goes on whatever it has."""
    search, went_on = opened(budget=9, epochs=9, pruner=Pruner.ASHA), []
    for error in (50.0, 60.0, 40.0, 45.0, 30.0):
        trial = search.propose()
        went_on.append(not prunes(search, trial, [epoch(1, error)]))
        if went_on[-1]:
            assert not prunes(search, trial, [epoch(2, 99.0)]), "between two rungs nothing is judged"
        search.prune(trial)
    assert went_on == [True, False, True, False, True]


@pytest.mark.parametrize("pruner", list(Pruner))
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_every_algorithm_and_pruner_by_name(opened, algorithm, pruner):
    search = opened(algorithm=algorithm, pruner=pruner, budget=4)
    while (trial := search.propose()) is not None:
        search.report(trial, [epoch(1, 10.0)])
        search.complete(trial, {"val/error": 10.0})
    assert state_counts(rows(search)) == "4 trials: 4 complete"


def test_a_failure_is_retried_and_then_recorded_and_counted(opened):
    search = opened(budget=2)
    trial = search.propose()
    for attempt in range(MAX_RETRIES + 1):
        assert search.running == 1
        search.fail(trial, "out of memory")
        assert search.failures(trial) == attempt + 1
    diverged = search.propose()
    search.fail(diverged, "diverged")
    assert search.propose() is None
    assert search.best() is None
    assert search.chosen() == {}
    assert state_counts(rows(search)) == "2 trials: 1 out of memory, 1 diverged"


def test_invalid_combinations_cost_no_trial(opened):
    space = (
        Choose(field="model.block.shortcut", values=("A", "none")),
        Choose(field="model.block.norm_position", values=("before_add", "after_add")),
    )
    search = opened(space=space, budget=20)
    while (trial := search.propose()) is not None:
        block = trial.spec.model.block
        assert (block.shortcut, block.norm_position) != ("none", "after_add")
        search.complete(trial, {"val/error": 5.0 + (block.shortcut == "none")})
    found = [row["state"] for row in rows(search)]
    assert found.count("complete") == 20
    assert 0 < found.count("refused") == len(found) - 20


def test_importance_names_the_field_that_matters(opened):
    search = opened(space=(LR, uniform("recipe.momentum", 0.1, 0.9)), budget=16, algorithm=Algorithm.RANDOM)
    assert importance(search) == {}
    spend(search)
    shares = importance(search)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["recipe.lr"] > 0.8


def test_ranges():
    assert uniform("recipe.batch_size", 16, 64).suggest(optuna.trial.FixedTrial({"recipe.batch_size": 17})) == 17
    assert start_of((LR,), {"recipe.lr": 0.1}) == {"recipe.lr": 0.1}
    assert start_of((LR,), {"recipe.lr": 3.0}) == {}
    for field, low, high, log, sentence in (
        ("recipe.schedule", 0, 1, False, "no number"),
        ("recipe.lr", 1, 0.1, False, "the lower first"),
        ("recipe.lr", 0, 1, True, "above 0"),
        ("recipe.lr", 0, math.inf, False, "two limits"),
    ):
        with pytest.raises(UserError, match=sentence):
            Tune(field=field, low=low, high=high, log=log)


def test_what_the_user_has_to_mend_halts_the_search_and_is_proposed_again_by_the_next_launch(opened):
    search = opened(budget=3)
    trial = search.propose()
    search.fail(trial, Reason.USER_ERROR)
    assert search.propose() is None
    again = opened(budget=3)
    assert (again.spent, again.failures(trial)) == (0, 0)
    assert again.propose().name == trial.name
