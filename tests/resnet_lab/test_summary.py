"""The command `python -m resnet_lab.summary` as a user meets it."""

import json
import subprocess
import sys

import pytest

from resnet_lab.errors import UserError
from resnet_lab.summary import main, take_fields

COMMAND = [sys.executable, "-m", "resnet_lab.summary"]


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


@pytest.mark.parametrize("argv", ["--jsn", "--image-size 0", "--classes x", "--model.name vgg16_bn --image-size 8"])
def test_a_mistake_is_one_line_and_exit_2(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        main(argv.split())
    out, err = capsys.readouterr()
    assert (stop.value.code, out, len(err.splitlines())) == (2, "", 1)


def test_help_loads_no_torch_and_lists_the_fields():
    code = (
        "import sys, resnet_lab.summary\n"
        "try: resnet_lab.summary.main(['--help'])\n"
        "except SystemExit as stop: print(stop.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "0 False"
    assert "--model.block.norm_position" in done.stdout
    assert "se_resnet110" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_json_has_the_counts(capsys):
    main(["--model.name", "resnet50", "--classes", "1000", "--json"])
    summary = json.loads(capsys.readouterr().out)
    assert (summary["parameters"], summary["depth"], summary["input"]) == (25_557_032, 50, [3, 224, 224])
    assert summary["flops"] == 8_178_368_512
    assert sum(layer["parameters"] for layer in summary["layers"]) == summary["parameters"]


def test_the_text_fits_80_columns_and_says_what_it_counts():
    arguments = ["--model.depth", "110", "--model.block.preactivation", "full"]
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 65
    for text in ("ResidualBlock x 17", "n a c n a c |", "1,727,962", "2 x multiply-adds", "norm, activation", "110"):
        assert text in done.stdout


def test_full_shows_every_block(capsys):
    main(["--model.depth", "20", "--full", "--data.name", "digits"])
    out = capsys.readouterr().out
    assert out.count("ResidualBlock") == 9
    assert "1 x 8 x 8" in out


def test_learned_scalars_are_counted_and_what_a_network_is_at_test_is_said(capsys):
    fixup = ["--model.block.norm", "none", "--model.block.branch_init", "fixup_authors"]
    main([*fixup, "--recipe.effective_blocks", "4", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["scalars"], "times 4/B" in found["at_test"]) == (47, True)
    main([*fixup, "--recipe.effective_blocks", "4"])
    text = capsys.readouterr().out
    assert f"parameters: {found['parameters']:,}, 47 of them learned shifts and factors" in text
    assert "at test:    all B blocks" in text
    assert max(map(len, text.splitlines())) <= 80
