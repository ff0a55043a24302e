"""The switches: typed, frozen, and each refusal a message whose advice works."""

import dataclasses
import re
import subprocess
import sys
from typing import Any

import pytest

import ablations
from ablations.choices import ActPosition, Norm, NormPosition, Preactivation, Shortcut
from ablations.spec import BlockSpec

BASELINE = {
    "norm_position": "before_add",
    "act_position": "after_add",
    "preactivation": "none",
    "shortcut": "A",
    "kind": "basic",
    "norm": "batch",
    "activation": "relu",
}
DEFAULTS = {field.name: field.default for field in dataclasses.fields(BlockSpec)}


def refusal(switches: dict[str, Any]) -> str | None:
    """Return the message with which a combination is refused, or None for a legal one."""
    try:
        BlockSpec(**switches)
    except ValueError as error:
        [line] = [line for line in str(error).splitlines() if "Value error" in line]
        return line.strip().removeprefix("Value error, ").split(" [type=")[0]
    return None


def advice(message: str) -> list[dict[str, Any]]:
    """Return what the part after the colon says to do, one alternative after another."""
    assert re.match(r"[a-z_]+(=\w+)? \w[^:]*: \w[^:]*$", message), message
    found = []
    for text in message.split(":")[1].split(", or "):
        if settings := dict(re.findall(r"(\w+)=(\w+)", text)):
            found.append(settings)
        elif "leave" in text:
            found.append({name: DEFAULTS[name] for name in re.findall(r"\w+", message) if name in DEFAULTS})
    assert found, message
    assert all(settings.keys() <= DEFAULTS.keys() for settings in found), message
    return found


def leads_to_a_legal_spec(switches: dict[str, Any], rounds: int = 4) -> bool:
    message = refusal(switches)
    if message is None or not rounds:
        return message is None
    return any(leads_to_a_legal_spec(switches | changes, rounds - 1) for changes in advice(message))


def test_the_default_is_the_baseline_of_he_et_al_2015():
    assert BASELINE.items() <= dataclasses.asdict(BlockSpec()).items()


@pytest.mark.parametrize("name", BASELINE)
def test_one_switch_of_the_papers_away_from_the_baseline_is_legal(name):
    for value in type(DEFAULTS[name]):
        assert refusal({name: value}) is None


def test_every_refusal_is_one_line_whose_advice_leads_to_a_legal_spec(space):
    for switches in space:
        assert leads_to_a_legal_spec(switches), switches


def test_every_value_of_every_switch_is_in_some_legal_spec(space, legal):
    reachable = {(name, value) for spec in legal for name, value in dataclasses.asdict(spec).items()}
    assert reachable == {item for switches in space for item in switches.items()}


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"preactivation": "full", "norm_position": "after_add"}, "set preactivation=none"),
        ({"preactivation": "relu_only", "act_position": "none"}, "set preactivation=none"),
        ({"norm": "none", "norm_position": "after_add"}, "set norm_position=before_add or choose a norm"),
        ({"norm": "none", "preactivation": "full"}, "set preactivation=relu_only or choose a norm"),
        ({"shortcut": "C", "preactivation": "full"}, "set projection_tap=raw, or shortcut=B"),
        ({"shortcut": "none", "norm_position": "after_add"}, "set norm_position=before_add"),
        ({"shortcut": "none", "act_position": "before_add"}, "act_position=after_add or none"),
        ({"shortcut": "none", "preactivation": "full"}, "preactivation=none"),
    ],
)
def test_an_invalid_combination_is_refused_with_what_to_change(switches, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        BlockSpec(**switches)


def test_text_becomes_the_enum_member():
    spec = BlockSpec(norm_position="after_add", act_position="none", shortcut="B", norm="layer")
    assert (spec.norm_position, spec.act_position) == (NormPosition.AFTER_ADD, ActPosition.NONE)
    assert (spec.shortcut, spec.norm, spec.preactivation) == (Shortcut.B, Norm.LAYER, Preactivation.NONE)
    assert isinstance(spec.norm, Norm)


@pytest.mark.parametrize("switches", [{"norm": "instance"}, {"shortcut": "a"}, {"norm_positon": "after_add"}])
def test_an_unknown_value_or_name_is_refused(switches):
    with pytest.raises(ValueError, match=next(iter(switches))):
        BlockSpec(**switches)


def test_a_spec_is_frozen_hashable_and_by_keyword_only():
    spec = BlockSpec()
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.norm = Norm.NONE
    assert {spec: 1}[BlockSpec()] == 1
    with pytest.raises((TypeError, ValueError)):
        BlockSpec(NormPosition.AFTER_ADD)


def test_the_switches_load_without_torch():
    code = "import sys, ablations; ablations.BlockSpec(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False"]


def test_the_factory_is_found_where_it_is_first_asked_for():
    from ablations.block import build_block

    assert ablations.build_block is build_block
    with pytest.raises(AttributeError, match="has no attribute 'build_blok'"):
        ablations.build_blok  # noqa: B018  # reading it is the test
