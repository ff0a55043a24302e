"""The command `python -m resnet_lab.summary` as a user meets it."""

import json
import math
import re
import subprocess
import sys

import pytest

from resnet_lab.summary import main

COMMAND = [sys.executable, "-m", "resnet_lab.summary"]


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
    units = [layer for layer in summary["layers"] if layer["unit"] is None]
    assert sum(layer["parameters"] for layer in units) == summary["parameters"]
    assert sum(layer["flops"] for layer in units) == summary["flops"]


def test_a_network_of_mnist_is_summarised_on_its_images_unless_others_are_named(capsys):
    main(["--model.name", "mnist_cnn_deep", "--json"])
    summary = json.loads(capsys.readouterr().out)
    assert (summary["parameters"], summary["input"]) == (232_554, [1, 28, 28])
    with pytest.raises(SystemExit):
        main(["--model.name", "mnist_cnn_deep", "--data.name", "cifar10", "--json"])
    assert "28x28 pixels, not 32x32" in capsys.readouterr().err


def test_json_has_the_rows_of_the_full_text(capsys):
    main(["--model.name", "resnet50", "--json"])
    layers = json.loads(capsys.readouterr().out)["layers"]
    main(["--model.name", "resnet50", "--full"])
    text = capsys.readouterr().out.split("\n\n")[0].splitlines()[1:]
    rows = [(layer["name"].removeprefix(f"{layer['unit']}."), layer["kind"]) for layer in layers]
    assert [tuple(re.split(r"\s{2,}", line.strip())[:2]) for line in text] == rows
    assert len(rows) > 150


def test_memory_is_that_of_weights_and_of_every_layers_output(capsys):
    main(["--model.depth", "8", "--model.width", "4", "--data.name", "digits", "--json"])
    found = json.loads(capsys.readouterr().out)
    leaves = [each for each in found["layers"] if not any(other["unit"] == each["name"] for other in found["layers"])]
    outputs = sum(math.prod(layer["output"]) for layer in leaves)
    buffers = sum(layer["parameters"] + 1 for layer in leaves if layer["kind"] == "BatchNorm2d")
    weights = found["parameters"] + buffers
    assert found["memory_mb"] == pytest.approx(4 * (outputs + weights) / 1e6, abs=1e-3)
    assert found["memory_parts_mb"]["activations"] == pytest.approx(4 * outputs / 1e6, abs=1e-3)


def test_the_text_fits_80_columns_and_says_what_it_counts(capsys):
    main(["--model.depth", "110", "--model.block.preactivation", "full"])
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 65
    for text in ("ResidualBlock x 17", "n a c n a c |", "1,727,962", "2 x multiply-adds", "norm, activation", "110"):
        assert text in out


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


@pytest.mark.parametrize(("name", "outputs", "params"), [("resnet50", 286.55, 89.75), ("densenet121", 371.81, 26.57)])
def test_memory_as_torchsummary_prints_it_is_that_of_the_founding_text(name, outputs, params, capsys):
    main(["--model.name", name, "--classes", "10", "--json"])
    found = json.loads(capsys.readouterr().out)["torchsummary_mb"]
    assert found == {"forward_backward": outputs, "params": params}
