"""The command as a user meets it: help at once, mistakes in a line, nothing written by a mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from studies.bn_placement import STUDY
from studies.cli import greeting
from studies.cli.command import main
from studies.cli.greeting import greet_at_once, greet_before_import

COMMAND = [sys.executable, "-m", "studies.bn_placement"]


def run(*arguments, command=COMMAND):
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def test_help_lists_every_option():
    done = run("--help")
    assert done.returncode == 0
    for name in ("scale", "dataset", "data-dir", "seeds", "epochs", "jobs", "device", "out", "dry-run", "json", "set"):
        assert f"--{name}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_importing_a_study_loads_no_heavy_package():
    code = (
        "import sys, ablations, studies.bn_placement, studies.cli; "
        "print([m for m in ('mlflow', 'seaborn', 'torch', 'optuna', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    assert run("-c", code, command=[sys.executable]).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sets", "a=b"], "Perhaps you meant --set"),
        (["--set", "model.dept=1"], "Perhaps you meant model.depth"),
        (["--set", "model.depth=21"], "nearest is 20 or 26"),
        (["--seeds", "x"], "--seeds"),
        (["--seeds", "-1"], "from 0 to"),
        (["--epochs", "0"], "1 or more"),
        (["--jobs", "0"], "1 or more"),
        (["--jobs", "all"], "--jobs"),
        (["--dataset", "cifar11"], "cifar10"),
        (["--data-dir", "no/such/folder"], "no/such/folder"),
        (["--dataset", "cifar10", "--data-dir", "."], "cifar-10-batches-bin"),
        (["--device", "tpu"], "auto, cpu or cuda"),
    ],
)
def test_a_mistake_is_one_sentence_exit_2_and_nothing_written(tmp_path, capsys, arguments, sentence):
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as stop:
        main(STUDY, ["--out", str(out), *arguments])
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert sentence in printed.err
    assert printed.out == ""
    assert len(printed.err.splitlines()) <= 8
    assert "Traceback" not in printed.err
    assert not out.exists()


def test_an_output_folder_that_cannot_be_made_is_refused(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stop:
        main(STUDY, ["--out", str(tmp_path / "file" / "runs")])
    assert (stop.value.code, "choose another --out" in capsys.readouterr().err) == (2, True)


def test_a_dry_run_prints_the_plan_as_json_and_writes_nothing(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(STUDY, ["--dry-run", "--json", "--out", str(tmp_path / "out"), "--seeds", "4", "5"])
    assert stop.value.code == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["cells"], plan["seeds"], plan["trials"], plan["done"], plan["to_run"]) == (8, [4, 5], 16, 0, 16)
    assert plan["estimated_s"] > 0
    assert {run["seed"] for run in plan["runs"]} == {4, 5}
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "out", "err"),
    [
        (["--seeds", "0"], f"{STUDY.question}\n", ""),
        (["--json"], "", f"{STUDY.question}\n"),
        (["--dry-run"], "", ""),
        (["-h"], "", ""),
    ],
)
def test_a_terminal_shows_the_question_before_the_command_line_is_parsed(monkeypatch, capsys, words, out, err):
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(greeting, "_greeted", set())
    greet_before_import(["python", "-m", "studies.bn_placement", *words], words)
    greet_at_once(STUDY.question, words)  # as the command itself does, and a study of one's own
    assert tuple(capsys.readouterr()) == (out, err)


def test_the_question_comes_before_anything_is_imported(tmp_path):
    """Within a tenth of a second, not after the half that the study's own modules take."""
    (tmp_path / "pydantic.py").write_text("raise SystemExit(7)")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path.cwd())])}
    ours, terminal = os.openpty()
    command = [sys.executable, "-m", "studies.bn_placement"]
    done = subprocess.run(command, stdout=terminal, stderr=terminal, env=environment, cwd=tmp_path, check=False)
    assert (done.returncode, os.read(ours, 1000).decode().strip()) == (7, STUDY.question)
