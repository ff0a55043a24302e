"""ResNet50V2 is Keras's: its parameters, its strides, its biases, and the graph of its blocks and stem."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resnet_lab.networks.build import count_parameters


@pytest.fixture
def net(build):
    """A network with random weights, and norms that differ by channel."""
    torch.manual_seed(0)
    network = build("resnet50v2").eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
                nn.init.uniform_(module.running_mean, -0.5, 0.5)
    return network


def test_it_has_kerass_parameters(build):
    with torch.device("meta"):
        network = build("resnet50v2", classes=1000)
    statistics = sum(buffer.numel() for name, buffer in network.named_buffers() if "running" in name)
    assert count_parameters(network) == 25_568_360
    assert statistics == 45_440
    assert count_parameters(network) + statistics == 25_613_800


def test_layers_biases_and_norms_are_kerass(build):
    with torch.device("meta"):
        network = build("resnet50v2")
    convs = {name: module for name, module in network.named_modules() if isinstance(module, nn.Conv2d)}
    biased = {name for name, conv in convs.items() if conv.bias is not None}
    assert biased == {name for name in convs if name.endswith(("stem.conv1", "branch.conv3", "shortcut"))}
    assert (len(convs), len(biased)) == (53, 1 + 16 + 4)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 3 * 16 + 1
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1.001e-5, 0.01)}


def test_the_stride_of_a_stage_sits_in_its_last_block(build):
    with torch.device("meta"):
        network = build("resnet50v2")
        x = network.stem(torch.empty(1, 3, 224, 224))
        sides = []
        for stage in network.stages:
            before = x.shape[-1]
            x = stage[:-1](x)
            assert x.shape[-1] == before
            x = stage[-1](x)
            sides.append((x.shape[1], x.shape[-1]))
    assert sides == [(256, 28), (512, 14), (1024, 7), (2048, 7)]


def test_zeros_around_the_stem_compete_in_its_max_pooling(net):
    with torch.no_grad():
        net.stem.conv1.weight.zero_()
        net.stem.conv1.bias.fill_(-1)
        pooled = net.stem(torch.randn(1, 3, 32, 32))
    assert pooled.shape[-2:] == (8, 8)
    assert torch.equal(pooled[0, 0, 1:, 1:], torch.full((7, 7), -1.0))
    assert not pooled[0, 0, 0].any()


def graph(block, x, stride):
    """Write Keras's block out, layer by layer."""
    branch = block.branch
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]
    pre = F.relu(norms[0](x))
    shortcut = block.shortcut(pre) if isinstance(block.shortcut, nn.Conv2d) else x[:, :, ::stride, ::stride]
    y = F.relu(norms[1](F.conv2d(pre, branch.conv1.weight)))
    y = F.conv2d(F.pad(y, (1, 1, 1, 1)), branch.conv2.weight, stride=stride)
    return shortcut + F.conv2d(F.relu(norms[2](y)), branch.conv3.weight, branch.conv3.bias)


@pytest.mark.parametrize("side", [8, 7, 1])
@torch.no_grad()
def test_blocks_compute_kerassgraph(net, side):
    for stage, stride in ((0, 2), (3, 1)):
        blocks = net.stages[stage]
        x = torch.randn(2, blocks[0].branch.conv1.in_channels, side, side)
        for index, block in enumerate(blocks):
            expected = graph(block, x, stride if index == len(blocks) - 1 else 1)
            x = block(x)
            torch.testing.assert_close(x, expected)
