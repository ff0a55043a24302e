"""Closed forms of dense blocks against a built network and the paper's numbers."""

import pytest
import torch
from torch import nn

from analysis.theory.densenet import input_channels, links, parameters, stored_channels
from resnet_lab.errors import UserError
from resnet_lab.networks.build import build_network
from resnet_lab.spec import ModelSpec


def test_a_block_of_five_layers_has_fifteen_links():
    """Huang et al. 2017, figure 1: a 5-layer dense block."""
    assert links(5) == 15
    assert links(1) == 1


def test_channels_grow_by_k():
    """Figure 1: growth rate 4; DenseNet-121's second block starts with 128 channels and grows by 32."""
    assert [input_channels(layer, 4, 6) for layer in (1, 2, 5)] == [6, 10, 22]
    assert input_channels(13, 32, 128) == 512


@pytest.mark.parametrize(("layers", "growth"), [(1, 12), (6, 12), (12, 24)])
def test_parameters_are_those_of_the_closed_form_and_of_the_convolutions(layers, growth):
    assert parameters(layers, growth, growth) == 9 * growth**2 * layers * (layers + 1) // 2
    convolutions = [nn.Conv2d(growth * layer, growth, 3, bias=False) for layer in range(1, layers + 1)]
    assert parameters(layers, growth, growth) == sum(conv.weight.numel() for conv in convolutions)


def test_the_channels_of_densenet_121_as_built_are_those_of_the_closed_form():
    with torch.device("meta"):  # shapes alone
        network = build_network(ModelSpec(name="densenet121"), channels=3, size=64)
    reads = {name: m.in_channels for name, m in network.named_modules() if name.endswith(".conv1")}
    for block, (layers, start) in enumerate(zip((6, 12, 24, 16), (64, 128, 256, 512), strict=True), start=1):
        for layer in range(1, layers + 1):
            name = f"features.denseblock{block}.denselayer{layer}.conv1"
            assert reads[name] == input_channels(layer, 32, start)


def test_shared_storage_grows_linearly_and_concatenations_with_the_square():
    doubled = [stored_channels(2 * n, 12, 12, shared=False) / stored_channels(n, 12, 12, shared=False) for n in (8, 64)]
    assert doubled[0] < doubled[1] < 4
    assert doubled[1] == pytest.approx(4, rel=0.02)
    assert stored_channels(64, 12, 12, shared=True) == 12 * 65
    assert stored_channels(3, 4, 6, shared=False) == 6 + 10 + 14


def test_no_layers_are_no_block():
    with pytest.raises(UserError, match="layers 0"):
        links(0)
