"""The entry of `python -m resnet_lab.train`: help without torch, and every family on images that it reads."""

import subprocess
import sys

import pytest
import torch

from resnet_lab.engine.session import Session
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.train.train_driver import label_fields
from resnet_lab.trials.throughput import noise_images

NETWORKS = {
    "vgg15_bn": "cifar10",
    "vgg16_bn": "cifar100",
    "densenet121": "cifar10",
    "densenet_bc_100_12": "cifar10",
    "resnet50v2": "cifar10",
    "se_resnet110": "cifar10",
    "se_resnet50": "cifar10",
    "mnist_cnn": "mnist",
    "mnist_cnn_deep": "mnist",
    "mnist_resnet": "fashion_mnist",
}


def test_help_loads_no_torch_and_lists_the_fields():
    code = (
        "import sys, resnet_lab.train.__main__ as train\n"
        "try: train.main(['--help'])\n"
        "except SystemExit as stop: print(stop.code, 'torch' in sys.modules, 'mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "0 False False"
    assert "--model.block.norm_position" in done.stdout
    assert "--recipe.iterations" in done.stdout


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.usefixtures("one_thread")
def test_a_step_trains_every_weight_of_a_network_on_its_images(name):
    fields = {"model.name": name, "data.name": NETWORKS[name], "recipe.batch_size": 2, "recipe.precision": "fp32"}
    spec = replace(RunSpec(), fields)
    session = Session(spec, noise_images(spec, torch.device("cpu"), 1), torch.device("cpu"))
    weights = {name: value for name, value in session.model.named_parameters() if value.dim() > 1}
    before = {name: value.clone() for name, value in weights.items()}
    session.run_steps(1)
    assert [name for name, value in weights.items() if torch.equal(value, before[name])] == []


def test_depth_is_named_where_it_is_a_choice():
    assert label_fields(RunSpec()) == ("model.name", "model.depth", "data.name")
    assert label_fields(replace(RunSpec(), {"model.name": "vgg15_bn"})) == ("model.name", "data.name")
