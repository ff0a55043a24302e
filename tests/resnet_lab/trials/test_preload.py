"""What the fork server holds for its workers: the same images as they would read, or nothing."""

import json
import os
import subprocess
import sys

from resnet_lab.data.load import load
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials import preload
from resnet_lab.trials.worker_settings import WorkerSettings

DIGITS = replace(RunSpec(), {"data.name": "digits", "model.depth": 8})
FEWER = replace(DIGITS, {"data.train_images": 100})


def settings(data_dir=None, device="cpu"):
    return WorkerSettings(data_dir=data_dir, device=device, environment={})


def in_server(environment, code):
    """Run code in a process that has imported the module in that environment, as the server does."""
    head = "import json, resnet_lab.trials.preload\nfrom resnet_lab.data.load import _kept, load\n"
    env = os.environ | environment
    done = subprocess.run([sys.executable, "-c", head + code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_server_holds_each_set_of_images_once():
    code = (
        "print(json.dumps([[spec.train_images, load(spec) is kept, kept.sha256] for (spec, _), kept in _kept.items()]))"
    )
    found = in_server(preload.environment([DIGITS, replace(DIGITS, {"seed": 1}), FEWER], settings()), code)
    assert found == [[0, True, load(DIGITS.data).sha256], [100, True, load(FEWER.data).sha256]]


def test_another_folder_is_read_again(tmp_path):
    code = "s, folder = next(iter(_kept)); print(json.dumps([str(folder), load(s) is load(s)]))"
    assert in_server(preload.environment([DIGITS], settings(tmp_path)), code) == [str(tmp_path), False]


def test_images_that_cannot_be_read_are_left_to_the_workers(tmp_path):
    run = replace(RunSpec(), {"data.name": "cifar10"})
    assert in_server(preload.environment([run], settings(tmp_path)), "print(len(_kept))") == 0


def test_importing_it_elsewhere_loads_nothing():
    code = "import resnet_lab.trials.preload, sys; print([m for m in ('torch', 'mlflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
