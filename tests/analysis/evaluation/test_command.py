"""`python -m resnet_lab.evaluate`: the published accuracies of two public networks, files, JSON and refusals."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from analysis.evaluation.command import evaluate, main
from analysis.evaluation.options import Options
from analysis.inputs.progress_bar import no_progress
from analysis.inputs.targets import resolve
from resnet_lab.checkpoint import save_model
from resnet_lab.data.images import Images
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import DataSpec, ModelSpec, RunSpec
from resnet_lab.tracking import Tracker
from tests.conftest import SHARED

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The folder of an untrained network for the digits."""
    folder = tmp_path_factory.mktemp("net") / "net"
    folder.mkdir()
    spec = RunSpec(model=ModelSpec(depth=8, width=4), data=DataSpec(name="digits"))
    model = build_network(spec.model, channels=1, classes=10)
    initialise(model, 0)
    save_model(folder, spec, model)
    return folder


def public(name, cifar10_dir, images):
    """Evaluate a public network on the first test images of the real CIFAR-10."""
    path = SHARED.parent / "checkpoints" / name
    if not path.is_file():
        pytest.skip(f"the public checkpoint is not here: there is no {path}")
    options = Options(checkpoint=path, dataset="cifar10", data_dir=cifar10_dir, device="cpu")
    (target,) = resolve(options)
    test = target.data.test
    part = replace(target.data, test=Images(test.pixels[:images], test.labels[:images]))
    return evaluate(replace(target, data=part), options, no_progress).scores


@pytest.mark.parametrize(
    ("name", "accuracy"),
    [
        pytest.param("resnet20-12fca82f.th", 91.0, id="resnet20"),
        pytest.param("resnet56-4bfd9763.th", 94.0, id="resnet56", marks=pytest.mark.slow),
    ],
)
def test_a_public_network_is_right_on_a_part_of_the_images(cifar10_dir, name, accuracy):
    scores = public(name, cifar10_dir, 500)
    assert scores.images == 500
    assert scores.accuracy == pytest.approx(accuracy, abs=0.21)  # of 500; all 10,000 take minutes on one core


@pytest.mark.slow
def test_the_public_resnet20_has_its_published_accuracy(cifar10_dir):
    scores = public("resnet20-12fca82f.th", cifar10_dir, 10_000)
    assert scores.accuracy == pytest.approx(91.73, abs=0.015)  # another processor may round another way
    assert scores.top5 > 99.5
    assert [sum(row) for row in scores.confusion] == [1000] * 10
    assert 4 < scores.ece < 7


@pytest.mark.slow
def test_the_public_resnet56_has_its_published_accuracy(cifar10_dir):
    assert public("resnet56-4bfd9763.th", cifar10_dir, 10_000).accuracy == pytest.approx(93.39, abs=0.015)


def test_files_json_and_mlflow_hold_the_same_scores(network, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    main(["--checkpoint", str(network), "--out", str(tmp_path), "--device", "cpu", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert {"loss", "accuracy", "top5", "per_class", "confusion", "ece"} <= found.keys()
    assert (found["images"], len(found["per_class"]), len(found["confusion"])) == (360, 10, 10)
    assert (found["dataset"], found["precision"], found["classes"][3]) == ("digits", "float32", "3")
    folder = tmp_path / "evaluation" / "net"
    drawn = {f"{name}.{ending}" for name in ("confusion", "reliability") for ending in ("png", "svg", "csv")}
    assert {path.name for path in folder.iterdir()} == {"evaluation.json", "confusion.json", *drawn}
    assert json.loads((folder / "evaluation.json").read_text()) == found
    assert json.loads((folder / "confusion.json").read_text())["counts"] == found["confusion"]
    tracker = Tracker.open(tmp_path, "evaluation")
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert run.data.metrics == {name: pytest.approx(found[name]) for name in ("loss", "accuracy", "top5", "ece")}


def test_the_text_has_a_line_for_each_class_and_fits_80_columns(network, tmp_path, capsys):
    main(["--checkpoint", str(network), "--out", str(tmp_path), "--device", "cpu"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "net, 360 test images of digits, float32"
    assert lines[1].startswith("accuracy ")
    assert len(lines[-10:]) == 10
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "give one of --checkpoint"),
        (["--checkpoint", "nothing.safetensors"], "cannot read"),
        (["--precision", "fp8"], "fp8"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(argv, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*argv, "--device", "cpu"])
    printed = capsys.readouterr()
    assert (stop.value.code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert message in printed.err


def test_the_command_answers_to_the_name_that_one_would_guess():
    done = subprocess.run(
        [sys.executable, "-m", "resnet_lab.evaluate", "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "usage: python -m resnet_lab.evaluate" in done.stdout
