"""Fixup as its authors' code has it, and SkipInit with biases: against forward passes written out here."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ablations.block import build_block
from ablations.scalars import Factor, Shift
from ablations.spec import BlockSpec
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.networks.build import count_parameters
from resnet_lab.spec import ModelSpec

AUTHORS = BlockSpec(norm="none", branch_init="fixup_authors")


def drawn(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(parameter.numel()))
    return module.double()


def scalars(module: nn.Module) -> list[float]:
    return [part.value.item() for part in module.modules() if isinstance(part, Shift | Factor)]


@pytest.mark.parametrize(("outputs", "stride"), [(4, 1), (8, 2)])
def test_the_first_shift_is_on_the_shortcut_where_the_shape_changes(outputs, stride):
    block = drawn(build_block(AUTHORS, 4, outputs, stride))
    bias1a, bias1b, bias2a, scale, bias2b = scalars(block)
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    out = F.conv2d(x + bias1a, block.branch.conv1.weight, stride=stride, padding=1)
    out = F.conv2d(F.relu(out + bias1b) + bias2a, block.branch.conv2.weight, padding=1) * scale + bias2b
    identity = x if stride == 1 else F.pad((x + bias1a)[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
    torch.testing.assert_close(block(x), F.relu(out + identity))


def test_a_projection_reads_the_shifted_input_too():
    block = drawn(build_block(BlockSpec(norm="none", branch_init="fixup_authors", shortcut="B"), 4, 8, 2))
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    shifted = x + scalars(block)[0]
    torch.testing.assert_close(block.skip(block.before(x)), block.shortcut(shifted))


def test_the_network_has_the_scalars_of_its_authors_code():
    network = drawn(build_network(ModelSpec(block=AUTHORS)))
    plain = build_network(ModelSpec(block=BlockSpec(norm="none")))
    # bias1, and bias2 before the classifier; five in each block, also in the first.
    assert len(scalars(network)) == 2 + 5 * 9
    assert count_parameters(network) == count_parameters(plain) + 2 + 5 * 9
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    bias1, bias2 = scalars(network.stem)[0], scalars(network.head)[0]
    stem = F.relu(F.conv2d(x, network.stem.conv1.weight, padding=1) + bias1)
    torch.testing.assert_close(network.stem(x), stem)
    pooled = network.stages(stem).mean((2, 3))
    torch.testing.assert_close(network(x), network.fc(pooled + bias2))


def test_it_starts_as_its_authors_code_does():
    network = build_network(ModelSpec(block=AUTHORS))
    initialise(network, 0)
    reference = build_network(ModelSpec(block=BlockSpec(norm="none")))
    initialise(reference, 0)
    one, two = network.stages[0][0].branch.conv1, reference.stages[0][0].branch.conv1
    torch.testing.assert_close(one.weight, two.weight * 9**-0.5)
    assert sorted(set(scalars(network))) == [0, 1]
    assert not network.stages[2][1].branch.conv2.weight.any()
    assert not network.fc.weight.any()


def test_fixup_as_it_was_is_as_it_was():
    block = build_block(BlockSpec(norm="none", branch_init="fixup"), 4, 8, 2)
    assert list(block.before) == []
    network = build_network(ModelSpec(block=BlockSpec(norm="none", branch_init="fixup")))
    assert len(scalars(network)) == 5 * 9


@pytest.mark.parametrize(("kind", "depth"), [("basic", 20), ("bottleneck", 20)])
def test_skipinit_with_biases_has_one_in_every_convolution(kind, depth):
    spec = BlockSpec(norm="none", branch_init="skipinit_biases", kind=kind, shortcut="B")
    network = build_network(ModelSpec(depth=depth, block=spec))
    convs = [part for part in network.modules() if isinstance(part, nn.Conv2d)]
    assert all(conv.bias is not None for conv in convs)
    without = build_network(
        ModelSpec(depth=depth, block=BlockSpec(norm="none", branch_init="skipinit", kind=kind, shortcut="B"))
    )
    assert count_parameters(network) - count_parameters(without) == sum(conv.out_channels for conv in convs)
    initialise(network, 0)
    assert not any(conv.bias.any() for conv in convs)
    assert set(scalars(network)) == {0}
