"""Networks without shortcuts, decomposed into layers."""

import pytest
import torch
from torch import nn

from analysis.lesions.evaluator import EvalSettings
from analysis.lesions.examine import contrast
from analysis.lesions.plain_networks import decompose_layers
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace

PLAIN = {"model.depth": 14, "model.width": 4, "model.block.shortcut": "none"}


def network(changes):
    model = build_network(replace(RunSpec(), changes).model)
    initialise(model, 0)
    return model.eval()


def foreign():
    from torchvision.models import vgg11_bn

    return vgg11_bn(weights=None, num_classes=10, init_weights=False).eval()


@pytest.mark.parametrize(
    ("model", "layers", "deletable"),
    [
        # 3-64 64-64 | 64-128 128-128 | 128-256 256 256 | 256-512 512 512 | 512 512 512
        (lambda: network({"model.name": "vgg15_bn"}), 13, (1, 3, 5, 6, 8, 9, 10, 11, 12)),
        (foreign, 8, (3, 5, 6, 7)),
        # the stem, then 2 layers in each of 6 blocks, of which the 3rd and the 5th widen
        (lambda: network(PLAIN), 13, (1, 2, 3, 4, 6, 7, 8, 10, 11, 12)),
        (lambda: network(PLAIN | {"model.block.norm": "group"}), 13, (1, 2, 3, 4, 6, 7, 8, 10, 11, 12)),
    ],
    ids=["VGG-15-BN", "torchvision", "plain", "plain with group norm"],
)
def test_layers_in_a_row_are_the_network_and_equal_shapes_can_go(model, layers, deletable):
    model = model()
    parts = decompose_layers(model)
    x = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        y = x
        for item in parts.items:
            y = item(y)
        assert torch.equal(y, model(x))
        for layer in parts.deletable:
            z = x
            for item in parts.without(layer):
                z = item(z)
            assert not torch.equal(z, y)
    assert len(parts.layers) == layers
    assert parts.deletable == deletable


def test_findings_of_a_plain_network():
    loader = [(torch.rand(4, 3, 16, 16), torch.zeros(4, dtype=torch.int64))]
    findings = contrast(network(PLAIN), EvalSettings(batches=loader))
    assert [finding.case.block for finding in findings] == [None, 1, 2, 3, 4, 6, 7, 8, 10, 11, 12]
    assert {finding.case.experiment for finding in findings} == {"base", "contrast"}


@pytest.mark.parametrize(
    "model", [lambda: network({"model.depth": 8}), lambda: nn.Linear(2, 2)], ids=["ResNet", "other"]
)
def test_other_networks_are_refused_with_what_would_work(model):
    with pytest.raises(UserError, match=r"no plain network .* --experiment single"):
        decompose_layers(model())
