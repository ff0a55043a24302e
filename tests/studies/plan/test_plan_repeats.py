"""Repeats of a plan: seeds dealt over splits and tuning searches, which run is which, and what is refused."""

import dataclasses
import json

import pytest

from resnet_lab.errors import UserError
from resnet_lab.spec.fields import parse_value
from resnet_lab.spec.fingerprint import trial_name
from studies.bn_placement import STUDY
from studies.cli.dry_run import _data
from studies.modes.until_decided import UntilDecided
from studies.plan.options import Algorithm, Options
from studies.plan.plan import make_plan


def plan_of(seeds, splits, **options):
    return make_plan(STUDY, Options(seeds=seeds, splits=splits, assignments=("model.depth=8",), **options))


def test_every_seed_trains_on_its_own_split_the_same_in_all_arms():
    plan = plan_of((0, 1, 2), 3)
    assert {(run.seed, run.data.split) for run in plan.runs()} == {(0, 0), (1, 1), (2, 2)}
    assert len({trial_name(run) for run in plan.runs()}) == 4 * 3
    assert set(plan.runs()) == set(plan.table_order())
    assert not plan.seeds_share
    assert [plan.repeat_of(seed) for seed in (0, 1, 2)] == [0, 1, 2]
    assert _data(plan) == "digits, over 3 train/validation splits"


def test_the_first_split_is_the_fixed_one_whose_trials_are_found_again():
    fixed, dealt = plan_of((0, 1), 1), plan_of((0, 1), 2)
    shared = {trial_name(run) for run in fixed.runs()} & {trial_name(run) for run in dealt.runs()}
    assert shared == {trial_name(run) for run in fixed.runs() if run.seed == 0}


def test_seeds_that_share_a_split_are_one_repeat():
    plan = plan_of(tuple(range(6)), 3)
    assert [run.data.split for run in plan.runs_of(plan.cells[0])] == [0, 1, 2, 0, 1, 2]
    assert plan.seeds_share
    assert [plan.repeat_of(seed) for seed in range(6)] == [0, 1, 2, 0, 1, 2]


def test_what_searches_chose_is_dealt_alike():
    plan = plan_of((0, 1, 2, 3), 2)
    rates = tuple({"recipe.lr": parse_value("recipe.lr", text)} for text in ("0.1", "0.2"))
    tuned = dataclasses.replace(plan, chosen=dict.fromkeys(plan.cells, rates))
    runs = tuned.runs_of(plan.cells[1])
    assert [(run.seed, run.data.split, run.recipe.lr) for run in runs] == [
        (0, 0, 0.1),
        (1, 1, 0.2),
        (2, 0, 0.1),
        (3, 1, 0.2),
    ]
    assert (tuned.searches, tuned.dealt) == (2, 2)


@pytest.mark.parametrize(("seeds", "splits"), [((0, 1, 2), 2), ((0, 2), 2), ((0, 1, 2, 3, 4), 4), ((0, 3, 1), 3)])
def test_an_unequal_deal_is_refused(seeds, splits):
    with pytest.raises(UserError, match=f"--splits {splits} deals {len(seeds)} seeds"):
        plan_of(seeds, splits)


def test_more_splits_than_seeds_give_each_its_own():
    assert [run.data.split for run in plan_of((3, 8), 20).runs_of(plan_of((3, 8), 20).cells[0])] == [3, 8]


def test_what_deals_twice_or_never_is_refused():
    with pytest.raises(UserError, match="leave out one of the two"):
        make_plan(STUDY, Options(splits=3, assignments=("data.split=1",)))
    with pytest.raises(UserError, match="leave out --splits"):
        Options(splits=3, search=Algorithm.TPE)
    with pytest.raises(UserError, match="--splits 0: it must be 1 or more"):
        Options(splits=0)
    with pytest.raises(UserError, match="give --splits 20 or more"):
        UntilDecided(plan_of((0, 1, 2), 3), max_seeds=20, margin=0)
    with pytest.raises(UserError, match="give both, or neither"):
        Options(tune_seeds=2)


def test_seeds_are_added_on_splits_of_their_own():
    plan = plan_of((0, 1, 2), 9)
    mode = UntilDecided(plan, max_seeds=9, margin=0)
    assert json.loads(json.dumps(mode.frozen(plan)[plan.title]))["splits"] == 9
    assert plan.run_of(plan.cells[0], 7).data.split == 7
