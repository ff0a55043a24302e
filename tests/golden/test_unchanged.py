"""What the commands do is what was recorded before the packages were laid out in their present folders: to the byte.

Two parts are of a later recording, in which nothing else differed: reports have folders named by what differs, and the
search behind an arm names its seed.
"""

import json
import sqlite3
from pathlib import Path

import pytest

from resnet_lab.spec.fields import from_json
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.system import atomic
from resnet_lab.trials.trial import Trial
from tests.golden import recorded

HERE = Path(__file__).parent
BEFORE = json.loads((HERE / "before.json").read_text())
FOLDER = json.loads((HERE / "out_before.json").read_text())


@pytest.fixture(scope="module")
def now(tmp_path_factory):
    """Everything recorded again; only on a machine whose arithmetic gives the same bits."""
    if recorded.arithmetic() != BEFORE["arithmetic"]:
        pytest.skip(f"recorded with {BEFORE['arithmetic']}; this machine has {recorded.arithmetic()}")
    return recorded.record(tmp_path_factory.mktemp("golden") / "out")


@pytest.mark.slow
@pytest.mark.parametrize("part", [name for name in BEFORE if name not in ("arithmetic", "options")])
def test_every_figure_is_as_recorded(now, part):
    assert now[part] == BEFORE[part]


@pytest.mark.parametrize("command", recorded.COMMANDS)
def test_the_command_line_is_as_recorded(command):
    assert recorded.options(command) == BEFORE["options"][command]


@pytest.fixture
def old_folder(tmp_path):
    """A study's folder as code before the new layout left it, from its texts."""
    for name, text in FOLDER.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for result in tmp_path.glob("trials/*/result.json"):  # the recording has texts alone: any weights will do
        digest = atomic.write_with_digest(result.parent / "model.safetensors", b"weights")
        atomic.write_json(result, json.loads(result.read_text()) | {"sha256": digest})
    connection = sqlite3.connect(tmp_path / "optuna.db")
    connection.executescript(FOLDER["optuna.sql"])
    connection.close()
    return tmp_path


def test_old_fingerprints_hold(old_folder):
    configs = sorted((old_folder / "trials").glob("*/config.json"))
    assert len(configs) == 8
    for config in configs:
        assert trial_name(from_json(config.read_text())) == config.parent.name


def test_an_old_folder_resumes_without_training(old_folder):
    settings = ["--set", *recorded.TINY]
    plan = json.loads(recorded.run(*recorded.STUDIES["native"], "--dry-run", "--json", "--out", old_folder, *settings))
    assert (plan["done"], plan["to_run"]) == (8, 0)


def test_an_old_optuna_study_is_read(old_folder):
    from studies.runner.optuna_store import OptunaStore

    store = OptunaStore.open(old_folder, "bn_placement")
    for config in (old_folder / "trials").glob("*/config.json"):
        assert store.is_complete(Trial(root=old_folder / "trials", spec=from_json(config.read_text())))
