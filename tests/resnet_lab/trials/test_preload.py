"""What the fork server holds for its workers: the same images as they would read, or nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_lab.data.load import load
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials import preload
from resnet_lab.trials.worker_settings import WorkerSettings

DIGITS = replace(RunSpec(), {"data.name": "digits", "model.depth": 8})
FEWER = replace(DIGITS, {"data.train_images": 100})


def settings(data_dir=None, device="cpu"):
    return WorkerSettings(data_dir=data_dir, device=device, environment={})


COUNTED = """
import json, os, sys
import resnet_lab.trials.preload as preload
from resnet_lab.data.load import _kept, load

def held():
    sets = [[str(folder), data.train_images, load(data) is kept, kept.sha256] for (data, folder), kept in _kept.items()]
    _kept.clear()
    return sets

found = [held()]
for value in sys.argv[1:]:
    preload.preload(value)
    found.append(held())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """What a process holds that has imported the module as the server does, and what it holds for other studies."""
    elsewhere, cifar = str(tmp_path_factory.mktemp("folder")), replace(RunSpec(), {"data.name": "cifar10"})
    first, *others = (
        preload.environment([DIGITS, replace(DIGITS, {"seed": 1}), FEWER], settings()),
        preload.environment([DIGITS], settings(Path(elsewhere))),
        preload.environment([cifar], settings(Path(elsewhere))),
    )
    command = [sys.executable, "-c", COUNTED, *(each[preload.VARIABLE] for each in others)]
    done = subprocess.run(command, env=os.environ | first, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return elsewhere, json.loads(done.stdout)


def test_the_server_holds_each_set_of_images_once(held):
    assert held[1][0] == [["None", 0, True, load(DIGITS.data).sha256], ["None", 100, True, load(FEWER.data).sha256]]


def test_another_folder_is_read_again(held):
    elsewhere, (_, (found,), _) = held
    assert found[:3] == [elsewhere, 0, False]


def test_images_that_cannot_be_read_are_left_to_the_workers(held):
    assert held[1][2] == []


def test_importing_it_elsewhere_loads_nothing():
    code = "import resnet_lab.trials.preload, sys; print([m for m in ('torch', 'mlflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
