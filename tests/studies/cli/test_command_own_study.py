"""A study of one's own: a file anywhere, with every option; what contradicts itself is refused, not resolved."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_lab.errors import UserError
from resnet_lab.listings.commands import run_module
from studies.bn_placement import STUDY
from studies.cli import main
from studies.plan.study import find_study

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
FILE = """from studies import Scale, Study, main

STUDY = Study(
    name="widths",
    question="Does a wider net learn more?",
    arm={"model.width": (4, 8)},
    scales={"quick": Scale(dataset="digits", context={"model.depth": (8,)}, seeds=(0, 1), epochs=1)},
)

if __name__ == "__main__":
    main(STUDY)
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "my_study.py"
    path.write_text(FILE)
    return path


def run(folder, *words):
    command = [sys.executable, *words]
    env = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """Run a command in this process, which has torch loaded, as if in that folder; return what it prints."""
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "argv", sys.argv)  # to be as it was at the end

    def run(module, *words):
        with contextlib.suppress(SystemExit):  # whatever fails has printed nothing
            run_module(module, words)
        return capsys.readouterr().out

    yield run
    for name in ("my_blocks", "my_data", "my_study"):
        if name not in known:
            sys.modules.pop(name, None)


@pytest.mark.parametrize("words", [("my_study.py",), ("-m", "studies", "my_study.py")])
def test_a_file_of_ones_own_is_a_command_from_any_folder(own, words):
    assert run(own.parent, *words, "--help").stdout.startswith("usage: python my_study.py")
    assert [path.name for path in own.parent.iterdir()] == ["my_study.py"]


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_a_file_of_ones_own_is_planned(own, here):
    assert "2 cells x 2 seeds = 4 trials on digits" in here("studies", "my_study.py", "--dry-run")
    assert [path.name for path in own.parent.iterdir()] == ["my_study.py"]


def test_a_file_without_a_study_says_so(own):
    assert find_study(str(own)).name == "widths"
    own.write_text("")
    with pytest.raises(UserError, match="declares no STUDY"):
        find_study(str(own))
    with pytest.raises(UserError, match="there is no file"):
        find_study("nowhere.py")


@pytest.mark.parametrize("words", [("-m", "studies.bn_plcement"), ("-m", "studies", "bn_plcement")])
def test_a_misspelt_study_is_guessed(tmp_path, words):
    done = run(tmp_path, *words)
    assert done.returncode == 2
    assert "perhaps you meant bn_placement" in done.stderr


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("--set model.depth=20 model.depth=56", "model.depth is set twice"),
        ("--set recipe.iterations=10 --epochs 2", "both say how long a run is"),
        ("--trials 5", "--trials is read by --search alone"),
        ("--pruner hyperband", "--pruner is read by --search and --tune alone"),
        ("--max-seeds 5", "--max-seeds is read by --until-decided alone"),
        ("--tune-trials 5", "--tune-trials is read by --tune alone"),
        ("--orders 2", "--orders is read by --design ladder alone"),
        ("--cells 2", "--cells is read by --design random or sobol alone"),
        ("--resolution 4", "--resolution is read by --design fractional alone"),
        ("--seeds 1 1 2", "--seeds holds 1 twice"),
        ("--seeds", "--seeds has no value"),
        ("--seeds a", "--seeds a: it takes another kind of value"),
        ("--set --json", "--set has no value"),
        ("--dataset None", "None is no value"),
        ("--set recipe.lr=0,1", "cross it by --arm recipe.lr=0,1"),
        ("--set model.depht=8", "Perhaps you meant model.depth. python -m resnet_lab.train --help lists all"),
        ("--set model.name=resnet50", "set model.depth (or 50, 101, 152 with model.block.kind=bottleneck)"),
        ("--out /dev/null/x", "cannot read /dev/null/x"),
    ],
)
def test_what_contradicts_itself_is_refused_and_never_resolved_in_silence(argv, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(STUDY, [*argv.split(), "--dry-run"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_readmes_images_of_ones_own_are_planned_from_an_empty_folder(tmp_path, here):
    section = README.read_text().split("### Own images")[1].split("\n##")[0]
    (code,) = re.findall(r"```python\n(# my_data.*?)```", section, re.S)
    (tmp_path / "my_data.py").write_text(code)
    called, filed, trained = re.findall(r"^python (.*?) *(?:#.*)?$", section, re.M)
    plan = here(*called.split()[1:], "--set", "model.depth=8", "--dry-run", "--out", "o")
    assert "trials on my_data:signs" in plan
    assert "npz:signs.npz" in filed
    assert trained.startswith("-m resnet_lab.train --data.name folder:")


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_readmes_blocks_of_ones_own_run_from_an_empty_folder(tmp_path, here):
    """The commands as they stand there, without the training."""
    section = README.read_text().split("### Own blocks")[1].split("\n##")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    (tmp_path / "my_blocks.py").write_text(code)
    crossed, changed, trained = re.findall(r"^python (.*)$", section, re.M)
    plan = here(*crossed.split()[1:], "--set", "model.depth=8", "--dry-run", "--out", "o")
    assert "part of unknown function: my_blocks:swish2" in " ".join(plan.split())
    assert changed.endswith("model.block.kind=my_blocks:ConvNeXtBlock")
    assert "--model.name my_blocks:MyNet" in trained
    summary = here("resnet_lab.summary", "--model.name", "my_blocks:MyNet")
    assert "314" in summary  # (3 x 9 + 1) x 8 of the convolution, (8 + 1) x 10 of the classes
