"""Weight standardisation against its formula (Qiao et al. 2019, arXiv 1903.10520, section 3.2)."""

import math

import pytest
import torch
import torch.nn.functional as F

from ablations.block import build_block
from ablations.parts import EPSILON, Standardised, SubsampledStandardised, make_conv, standardise
from ablations.spec import BlockSpec
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec

SPEC = BlockSpec(weight_standardisation=True)


def filters(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3 + 1


def by_hand(weight):
    """Return each filter less its mean, over the root of its variance and epsilon, number by number."""
    out = torch.empty_like(weight)
    for index, one in enumerate(weight):
        numbers = one.flatten().tolist()
        mean = sum(numbers) / len(numbers)
        variance = sum((number - mean) ** 2 for number in numbers) / len(numbers)
        out[index] = (one - mean) / math.sqrt(variance + EPSILON)
    return out


def test_a_filter_is_standardised_over_its_inputs_and_places():
    weight = filters(4, 3, 3, 3)
    found = standardise(weight)
    torch.testing.assert_close(found, by_hand(weight))
    torch.testing.assert_close(found.mean((1, 2, 3)), torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(
        found.var((1, 2, 3), correction=0), torch.ones(4, dtype=torch.float64), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(standardise(5 * weight + 2), found, atol=1e-5, rtol=0)  # no scale, no shift


@pytest.mark.parametrize(("inputs", "kernel", "stride"), [(16, 3, 1), (16, 3, 2), (4, 1, 2), (32, 1, 2), (3, 7, 2)])
def test_the_convolution_and_its_gradient_are_those_of_standardised_filters(inputs, kernel, stride):
    conv = make_conv(SPEC, inputs, 8, kernel, stride).double()
    assert isinstance(conv, SubsampledStandardised if inputs < 16 and kernel == 1 else Standardised)
    x, weight = filters(2, inputs, 9, 9), conv.weight.detach().clone().requires_grad_()
    expected = F.conv2d(x, by_hand_differentiable(weight), stride=stride, padding=kernel // 2)
    found = conv(x)
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(conv.weight.grad, weight.grad)


def by_hand_differentiable(weight):
    centred = weight - weight.mean((1, 2, 3), keepdim=True)
    return centred / (centred.square().mean((1, 2, 3), keepdim=True) + EPSILON).sqrt()


def test_every_convolution_of_a_network_is_standardised_but_those_of_gates_and_attention():
    block = BlockSpec(weight_standardisation=True, norm="group", shortcut="B", attention="se")
    network = build_network(ModelSpec(depth=8, block=block))
    plain = {
        name for name, m in network.named_modules() if isinstance(m, torch.nn.Conv2d) and type(m) is torch.nn.Conv2d
    }
    assert all(".se1." in name for name in plain)
    assert sum(isinstance(module, Standardised) for module in network.modules()) == 1 + 6 + 2
    gate = build_block(BlockSpec(weight_standardisation=True, shortcut="exclusive_gating"), 4, 4).gate
    assert not any(isinstance(module, Standardised) for module in gate.modules())


def test_parameters_are_named_and_sized_as_without():
    networks = [build_network(ModelSpec(depth=8, block=spec)) for spec in (SPEC, BlockSpec())]
    shapes = [{name: p.shape for name, p in network.named_parameters()} for network in networks]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"branch_init": "fixup", "norm": "none"}, "undoes the scale at which fixup starts"),
        ({"branch_init": "zero_last", "preactivation": "full"}, "divides a filter at zero by its own size"),
        ({"branch_init": "zero_last", "norm": "none"}, "divides a filter at zero by its own size"),
    ],
)
def test_starts_that_standardisation_undoes_are_refused(switches, says):
    with pytest.raises(ValueError, match=says):
        BlockSpec(weight_standardisation=True, **switches)
    BlockSpec(**switches)
    BlockSpec(weight_standardisation=True, branch_init="zero_last")  # the norm starts at zero, not the filter
