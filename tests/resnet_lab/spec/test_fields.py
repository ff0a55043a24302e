"""Dotted names: there and back, text for any value, and error messages that name what is meant."""

import contextlib
import itertools
import json
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.choices import BlockKind, Shortcut
from ablations.spec import BlockSpec
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, RunSpec
from resnet_lab.spec.fields import (
    choices,
    field_types,
    flatten,
    from_json,
    parse_assignments,
    replace,
    to_json,
    unflatten,
)


def values(name: str) -> st.SearchStrategy:
    if choices(name):
        return st.sampled_from(choices(name))
    return st.integers(0, 120) if field_types()[name] is int else st.floats(-8, 8)


@st.composite
def specs(draw) -> RunSpec:
    """A legal spec: the default, with those of some random changes that are not refused."""
    spec = RunSpec()
    for name in draw(st.lists(st.sampled_from(sorted(field_types())), max_size=8)):
        with contextlib.suppress(UserError):
            spec = replace(spec, {name: draw(values(name))})
    return spec


@given(specs())
def test_a_spec_comes_back_from_its_dotted_names(spec):
    flat = flatten(spec)
    assert list(flat) == list(field_types())
    assert all(type(value) in (bool, int, float, str) for value in flat.values()), "enum members must become text"
    assert unflatten(RunSpec, flat) == spec
    assert replace(RunSpec(), flat) == spec


@given(specs())
def test_a_spec_comes_back_from_json_and_from_text(spec):
    assert from_json(to_json(spec)) == spec
    assert json.loads(to_json(spec)) == flatten(spec)
    assert replace(RunSpec(), {name: str(value) for name, value in flatten(spec).items()}) == spec


@given(specs(), specs())
def test_a_replacement_takes_what_it_names_and_leaves_the_rest(spec, other):
    name = "recipe.lr"
    changed = replace(spec, {name: other.recipe.lr})
    assert flatten(changed) == flatten(spec) | {name: other.recipe.lr}
    assert replace(spec, {}) == spec


def test_the_names_of_the_first_switches_are_fixed():
    """Databases, checkpoints and scripts hold them: a name once given stays."""
    flat = flatten(RunSpec())
    for name in ("model.depth", "model.width", "data.name", "data.train_images", "recipe.optimizer", "recipe.lr"):
        assert name in flat
    block = ("norm_position", "act_position", "preactivation", "shortcut", "kind", "norm", "activation")
    assert [name for name in flat if name.startswith("model.block.")][:7] == [f"model.block.{name}" for name in block]
    assert list(flat)[-1] == "seed"


def test_changes_are_applied_at_once_so_their_order_does_not_matter():
    changes = {"model.block.kind": "bottleneck", "model.depth": 29, "model.block.shortcut": "B"}
    made = {replace(RunSpec(), dict(order)) for order in itertools.permutations(changes.items())}
    [spec] = made
    assert (spec.model.depth, spec.model.block.kind) == (29, BlockKind.BOTTLENECK)
    with pytest.raises(UserError, match=r"depth 26 is not 9n\+2, as bottleneck blocks need: the nearest is 20 or 29"):
        replace(replace(RunSpec(), {"model.depth": 26}), {"model.block.kind": "bottleneck"})


def test_text_becomes_the_fields_type():
    spec = replace(
        RunSpec(), {"model.depth": "56", "recipe.lr": "5e-2", "model.block.shortcut": "B", "data.name": "digits"}
    )
    assert (spec.model.depth, spec.recipe.lr) == (56, 0.05)
    assert (spec.model.block.shortcut, spec.data.name) == (Shortcut.B, DatasetName.DIGITS)
    assert isinstance(spec.data.name, StrEnum)


def test_a_part_of_a_spec_can_be_replaced_by_its_own_names():
    assert replace(BlockSpec(), {"shortcut": "C"}) == BlockSpec(shortcut=Shortcut.C)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("model.block.norm_positon", "model.block.norm_position"),
        ("model.dpth", "model.depth"),
        ("recipe.learning_rate", None),
        ("block.norm_position", "model.block.norm_position"),
        ("Seed", "seed"),
    ],
)
def test_a_typo_is_reported_with_the_name_that_was_meant_or_all_valid_ones(name, meant):
    for attempt in (lambda: replace(RunSpec(), {name: 1}), lambda: unflatten(RunSpec, {name: 1})):
        with pytest.raises(UserError) as raised:
            attempt()
        text = str(raised.value)
        assert text.startswith(f"there is no field {name!r}.")
        listed = ", ".join(field_types())
        listing = f"Perhaps you meant {meant}. python -m resnet_lab.train --help lists all"
        assert text.endswith(listing if meant else listed)
        assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model.depth": "deep"}, "model.depth=deep: Input should be a valid integer"),
        ({"model.depth": "20.5"}, "model.depth=20.5: Input should be a valid integer"),
        ({"model.depth": 21}, "model: depth 21 is not 6n+2, as basic blocks need: the nearest is 20 or 26"),
        ({"model.depth": 2}, "model: depth 2 is not 6n+2, as basic blocks need: the nearest is 8"),
        ({"model.width": 0}, "model.width=0: Input should be greater than or equal to 1"),
        ({"recipe.lr": "nan"}, "recipe.lr=nan: Input should be a finite number"),
        ({"recipe.lr": float("inf")}, "recipe.lr=inf: Input should be"),
        ({"recipe.momentum": 1}, "recipe.momentum=1: Input should be less than 1"),
        ({"model.block.shortcut": "D"}, "model.block.shortcut=D: Input should be 'A', 'B', 'C'"),
        ({"seed": -1}, "seed=-1: Input should be greater than or equal to 0"),
        ({"model.block.norm": "none", "model.block.norm_position": "after_add"}, "model.block: norm=none leaves"),
    ],
)
def test_a_bad_value_is_reported_in_one_line_with_its_name(changes, says):
    with pytest.raises(UserError) as raised:
        replace(RunSpec(), changes)
    assert str(raised.value).startswith(says)
    assert len(str(raised.value).splitlines()) == 1


def test_assignments_are_split_at_the_first_equals_sign():
    assert parse_assignments(("model.depth=56", " a = b=c ", "x=")) == {"model.depth": "56", "a": "b=c", "x": ""}
    assert parse_assignments(()) == {}
    with pytest.raises(UserError, match=r"'model.depth' is not NAME=VALUE: write, for example, model.depth=56"):
        parse_assignments(("model.depth",))


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", '"model.depth"', '{"model.dpth": 20}', '{"seed": null}'])
def test_json_that_is_no_spec_is_reported_in_one_line(text):
    with pytest.raises(UserError) as raised:
        from_json(text)
    assert len(str(raised.value).splitlines()) == 1


def test_choices_are_the_values_of_an_enum_or_bool_and_none_for_numbers_and_text():
    assert choices("model.block.act_position") == ("after_add", "before_add", "none")
    assert choices("model.depth") == choices("recipe.lr") == ()
    for name, kind in field_types().items():
        assert bool(choices(name)) == (kind not in (int, float, str))


@settings(max_examples=20)
@given(st.data())
def test_missing_names_keep_their_defaults(data):
    spec = data.draw(specs())
    names = data.draw(st.sets(st.sampled_from(["seed", "recipe.lr", "recipe.batch_size", "data.name"])))
    flat = {name: value for name, value in flatten(spec).items() if name in names}
    assert unflatten(RunSpec, flat) == replace(RunSpec(), flat)
