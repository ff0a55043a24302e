"""What each family of networks takes, against the networks as built."""

import pytest
import torch

from resnet_lab.networks import build_network
from resnet_lab.networks.resnet import residual_blocks
from resnet_lab.spec import ModelSpec
from resnet_lab.spec.families import shortcut_blocks
from resnet_lab.spec.fields import replace


@pytest.mark.parametrize(
    ("changes", "blocks"),
    [
        ({"depth": 20}, 9),
        ({"depth": 29, "block.kind": "bottleneck"}, 9),
        ({"depth": 20, "block.shortcut": "none"}, 0),
        ({"name": "wide_resnet", "depth": 16}, 6),
        ({"name": "imagenet_resnet", "depth": 34}, 16),
        ({"name": "resnet50v2"}, 16),
        ({"name": "mnist_resnet"}, 6),
        ({"name": "mnist_cnn"}, 0),
    ],
    ids=str,
)
def test_blocks_with_a_shortcut_are_counted_as_they_are_built(changes, blocks):
    spec = replace(ModelSpec(), changes)
    with torch.device("meta"):
        network = build_network(spec, channels=1, classes=10, size=28 if spec.name.startswith("mnist") else 32)
    assert sum(block.shortcut is not None for block in residual_blocks(network)) == blocks
    assert shortcut_blocks(spec) == blocks
