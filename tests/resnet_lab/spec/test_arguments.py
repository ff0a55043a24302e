"""Fields of a run on a command line, however they are spelled."""

import pytest

from resnet_lab.errors import UserError
from resnet_lab.spec.arguments import take_fields


def test_fields_are_taken_by_any_spelling_and_the_rest_is_left():
    argv = [
        "--json",
        "--model.block.norm-position",
        "after_add",
        "--model.depth=56",
        "--seed",
        "3",
        "--classes",
        "64",
    ]
    spec, rest = take_fields(argv)
    assert (spec.model.block.norm_position, spec.model.depth, spec.seed) == ("after_add", 56, 3)
    assert rest == ["--json", "--classes", "64"]


def test_fields_beside_a_preset_win_whatever_the_order():
    for argv in ("--model.depth 34 --model.name resnet18", "--model.name resnet18 --model.depth 34"):
        assert take_fields(argv.split())[0].model.depth == 34


def test_a_negative_number_is_a_value():
    spec, _ = take_fields(["--model.block.shortcut", "exclusive_gating", "--model.block.gate_bias", "-7"])
    assert spec.model.block.gate_bias == -7


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--model.dept 3", "Perhaps you meant model.depth"),
        ("--model.depth", "needs a value"),
        ("--model.depth --json", "needs a value"),
        ("--model.depth 57", "nearest is 56 or 62"),
        ("--model.name resnet51", "Perhaps you meant resnet56"),
        ("--model.final_norm perhaps", "model.final_norm"),
    ],
)
def test_a_bad_field_is_one_line(argv, message):
    with pytest.raises(UserError, match=message) as error:
        take_fields(argv.split())
    assert "\n" not in str(error.value)
