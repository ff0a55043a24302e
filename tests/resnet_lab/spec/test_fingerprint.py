"""Fingerprints: pinned, equal for equal specs only, and unchanged by fields that did not exist."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_lab.spec import DataSpec, ModelSpec, RecipeSpec, RunSpec
from resnet_lab.spec import fingerprint as module
from resnet_lab.spec.fields import choices, field_types, flatten, replace
from resnet_lab.spec.fingerprint import SCHEMA, TRIAL_NAME, cell_fingerprint, fingerprint, trial_name
from resnet_lab.spec.run_spec import MAX_SEED

# Values that every finished run was made with. A changed default makes old runs mean something else: bump the schema.
DEFAULTS = {
    "model.depth": 20,
    "model.width": 16,
    "model.block.norm_position": "before_add",
    "model.block.act_position": "after_add",
    "model.block.preactivation": "none",
    "model.block.shortcut": "A",
    "model.block.kind": "basic",
    "model.block.norm": "batch",
    "model.block.activation": "relu",
    "data.name": "cifar10",
    "data.train_images": 0,
    "recipe.optimizer": "sgd",
    "recipe.lr": 0.1,
    "recipe.momentum": 0.9,
    "recipe.weight_decay": 1e-4,
    "recipe.batch_size": 128,
    "recipe.iterations": 64_000,
    "recipe.schedule": "step",
    "recipe.milestone_1": 0.5,
    "recipe.milestone_2": 0.75,
    "recipe.lr_decay": 0.1,
    "recipe.warmup": "auto",
    "recipe.warmup_iterations": 400,
    "recipe.warmup_lr": 0.01,
    "recipe.augmentation": "crop_flip",
    "recipe.crop_padding": 4,
    "recipe.precision": "auto",
    "seed": 0,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "35db209b118a"),
        ({"seed": 3}, "f9f3e17bf64d"),
        ({"model.block.norm_position": "after_add", "model.depth": 110}, "1614b9425eac"),
        ({"data.name": "digits", "recipe.lr": 0.05, "recipe.optimizer": "nesterov"}, "124eb4b6ad89"),
        ({"model.block.kind": "bottleneck", "model.block.shortcut": "B", "model.depth": 29}, "6adf9bfff7fb"),
    ],
)
def test_a_refactoring_keeps_fingerprints(changes, expected):
    """Else finished trials would be trained again. A change here needs a new schema, and a reason."""
    assert fingerprint(replace(RunSpec(), changes)) == expected


def test_a_changed_default_needs_a_new_schema():
    assert SCHEMA == 1
    assert {name: value for name, value in flatten(RunSpec()).items() if name in DEFAULTS} == DEFAULTS


def test_naming_a_default_changes_nothing():
    explicit = RunSpec(
        model=ModelSpec(depth=20, width=16), data=DataSpec(name="cifar10"), recipe=RecipeSpec(lr=0.1), seed=0
    )
    assert fingerprint(explicit) == fingerprint(RunSpec())
    assert fingerprint(replace(RunSpec(), {"recipe.lr": "1e-1", "model.depth": "20"})) == fingerprint(RunSpec())


def other_value(name: str) -> object:
    default = flatten(RunSpec())[name]
    if name == "model.depth":
        return 26
    if choices(name):
        return next(value for value in choices(name) if value != default)
    return default + 1 if field_types()[name] is int else default / 2 + 0.01


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_field_is_part_of_the_identity(name):
    assert fingerprint(replace(RunSpec(), {name: other_value(name)})) != fingerprint(RunSpec())


@given(*[st.fixed_dictionaries({}, optional={"seed": st.integers(0, 2), "recipe.lr": st.sampled_from([0.1, 0.2])})] * 2)
def test_fingerprints_are_equal_for_equal_specs_only(some, others):
    one, two = replace(RunSpec(), some), replace(RunSpec(), others)
    assert (fingerprint(one) == fingerprint(two)) == (one == two)


def test_a_new_field_with_a_default_keeps_old_fingerprints(monkeypatch):
    fields = [(field.name, field.type, field.default) for field in dataclasses.fields(RunSpec)]
    wider = dataclasses.make_dataclass("RunSpec", [*fields, ("colour", str, "red")], frozen=True, kw_only=True)
    old = fingerprint(RunSpec(seed=3))
    monkeypatch.setattr(module, "RunSpec", wider)
    assert fingerprint(wider(seed=3)) == old
    assert fingerprint(wider(seed=3, colour="blue")) != old


def test_repeats_of_a_cell_share_its_fingerprint():
    specs = [RunSpec(seed=seed) for seed in range(3)]
    assert {cell_fingerprint(spec) for spec in specs} == {fingerprint(RunSpec())}
    assert len({fingerprint(spec) for spec in specs}) == 3


@given(st.integers(0, MAX_SEED), st.sampled_from(["adam", "sgd"]))
def test_a_trials_name_is_safe_as_a_path(seed, optimizer):
    name = trial_name(replace(RunSpec(), {"seed": seed, "recipe.optimizer": optimizer}))
    assert re.fullmatch(rf"[0-9a-f]{{12}}-seed{seed}", name)
    assert TRIAL_NAME.fullmatch(name)
