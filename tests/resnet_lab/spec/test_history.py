"""Runs that mean something else than when they were recorded: never taken for each other, and read as they were."""

import json

import pytest

from resnet_lab.checkpoint import load_model, save_model
from resnet_lab.engine.schedules import warmup_of
from resnet_lab.networks import build_network
from resnet_lab.spec import EffectiveTest, RunSpec, Warmup
from resnet_lab.spec.fields import flatten, from_json, replace, to_json
from resnet_lab.spec.fingerprint import fingerprint

# Computed by the code that tested all blocks unscaled and warmed every family up from depth 110 on.
OLD = {
    "effective": ({"recipe.effective_blocks": 12, "model.depth": 56}, "39df55e1671f"),
    "densenet": ({"model.name": "densenet_bc_190_40"}, "1667c09e9f97"),
    "resnet152": ({"model.name": "resnet152"}, "52f4de871304"),
    "deep cifar": ({"model.depth": 110}, "bd512c473aef"),
    "preact": ({"model.name": "preact_resnet164"}, "cc60a778b8ad"),
    "resnet50": ({"model.name": "resnet50"}, "c4b2fe600dc8"),
}


def as_then(changes) -> str:
    """Return the record of a run as it was before `recipe.effective_test` existed."""
    flat = flatten(replace(RunSpec(), changes))
    del flat["recipe.effective_test"]
    return json.dumps(flat)


@pytest.mark.parametrize("name", ["deep cifar", "preact", "resnet50"])
def test_runs_that_nothing_touches_keep_their_fingerprints(name):
    changes, old = OLD[name]
    assert fingerprint(replace(RunSpec(), changes)) == old
    assert from_json(as_then(changes)) == replace(RunSpec(), changes)


def test_old_runs_of_effective_blocks_are_those_of_unscaled_and_no_others():
    changes, old = OLD["effective"]
    by_way = {how: fingerprint(replace(RunSpec(), changes | {"recipe.effective_test": how})) for how in EffectiveTest}
    assert by_way[EffectiveTest.UNSCALED] == old
    assert len(set(by_way.values())) == 3
    assert fingerprint(replace(RunSpec(), changes)) == by_way[EffectiveTest.SCALED] != old


def test_an_old_record_of_effective_blocks_is_read_as_unscaled_and_keeps_its_name():
    changes, old = OLD["effective"]
    read = from_json(as_then(changes))
    assert read.recipe.effective_test == EffectiveTest.UNSCALED
    assert fingerprint(read) == old


@pytest.mark.parametrize("name", ["densenet", "resnet152"])
def test_families_without_a_warm_up_are_other_runs_than_those_that_had_one(name):
    changes, old = OLD[name]
    now = replace(RunSpec(), changes)
    assert warmup_of(now) == Warmup.NONE
    assert fingerprint(now) != old
    read = from_json(as_then(changes))
    assert read.recipe.warmup == Warmup.CONSTANT  # as it was trained
    assert warmup_of(read) == Warmup.CONSTANT
    assert fingerprint(read) != fingerprint(now)


def test_a_run_that_names_its_warm_up_is_not_touched():
    changes = {"model.name": "resnet152", "recipe.warmup": "none"}
    assert fingerprint(replace(RunSpec(), changes)) == "3785c0717e31"


@pytest.mark.parametrize("changes", [each for each, _ in OLD.values()])
def test_what_is_written_today_is_read_as_it_is(changes):
    spec = replace(RunSpec(), changes)
    assert from_json(to_json(spec)) == spec


def test_an_old_checkpoint_of_effective_blocks_runs_its_branches_unscaled(tmp_path, monkeypatch):
    spec = replace(RunSpec(), {"model.depth": 8, "model.width": 4, "recipe.effective_blocks": 2})
    record = as_then({"model.depth": 8, "model.width": 4, "recipe.effective_blocks": 2})
    monkeypatch.setattr("resnet_lab.checkpoint.to_json", lambda _: record)
    save_model(tmp_path, spec, build_network(spec.model))
    assert {block.test_share for block in load_model(tmp_path).model.blocks()} == {1.0}


def test_the_deep_cnn_without_norms_is_not_the_one_of_today():
    cnn = {"model.name": "mnist_cnn_deep", "data.name": "mnist"}
    assert fingerprint(replace(RunSpec(), cnn)) != "4f094811b958"
