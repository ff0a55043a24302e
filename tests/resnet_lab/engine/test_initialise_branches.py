"""Initialisation of branches: gate biases, branches at zero, Fixup by its paper; the rest stays as drawn."""

import pytest
import torch
from torch import nn

from ablations.attention import SqueezeExcitation
from ablations.block import ResidualBlock, build_block
from ablations.scalars import Factor, Shift
from ablations.shortcuts import Gate
from ablations.spec import BlockSpec
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import Init, RunSpec
from resnet_lab.spec.fields import replace

FIXUP = {"branch_init": "fixup", "norm": "none"}


def network(depth: int = 14, init: Init = Init.KAIMING_FAN_OUT, **switches) -> nn.Module:
    changes = {f"model.block.{name}": value for name, value in switches.items()}
    model = build_network(replace(RunSpec(), {"model.depth": depth, "model.width": 4} | changes).model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(7)  # nothing may rest on what construction left behind
    initialise(model, 0, init)
    return model


def parts(model: nn.Module, kind: type) -> list:
    return [module for module in model.modules() if isinstance(module, kind)]


@pytest.mark.parametrize("init", Init)
@pytest.mark.parametrize("shortcut", ["exclusive_gating", "shortcut_only_gating"])
def test_gates_start_at_their_bias(shortcut, init):
    gates = parts(network(shortcut=shortcut, gate_bias=-3.5, init=init), Gate)
    assert len(gates) == 6
    for gate in gates:
        assert (gate.conv.bias == -3.5).all()
        assert gate.conv.weight.std() > 0


@pytest.mark.parametrize("init", Init)
def test_attention_has_no_bias_at_first_and_scalars_have_their_start(init):
    for module in parts(network(attention="se", init=init), SqueezeExcitation):
        assert not module.squeeze.bias.any()
        assert not module.excite.bias.any()
    assert [part.value.item() for part in parts(network(branch_init="skipinit", init=init), Factor)] == [0] * 6
    fixup = network(**FIXUP, init=init)
    assert {part.value.item() for part in parts(fixup, Factor)} == {1}
    assert {part.value.item() for part in parts(fixup, Shift)} == {0}


@pytest.mark.parametrize(
    ("switches", "last"),
    [
        ({}, "norm2"),
        ({"norm_position": "after_add"}, "conv2"),
        ({"preactivation": "full"}, "conv2"),
        ({"preactivation": "full", "last_norm": True}, "norm3"),
        ({"preactivation": "relu_only"}, "norm2"),
        ({"norm": "none"}, "conv2"),
        ({"norm": "group"}, "norm2"),
        ({"attention": "se"}, "norm2"),
        ({"shortcut": "constant_scaling"}, "norm2"),
        ({"kind": "bottleneck"}, "norm3"),
    ],
)
def test_zero_last_zeroes_the_last_weighted_layer_and_nothing_else(switches, last):
    depth = 20 if "kind" in switches else 14
    normal, zeroed = network(depth, **switches), network(depth, branch_init="zero_last", **switches)
    changed = [
        name
        for (name, one), two in zip(normal.named_parameters(), zeroed.parameters(), strict=True)
        if not torch.equal(one, two)
    ]
    blocks = [f"stages.{stage}.{index}" for stage in range(3) for index in range(2)]
    assert [name.partition(".branch.")[0] for name in changed] == blocks
    # A pre-activation network's first block lacks its leading norm, so its norms are counted from one less.
    assert {name.partition(".branch.")[2] for name in changed[1:]} == {f"{last}.weight"}
    x = torch.randn(2, 4, 6, 6)
    assert not parts(zeroed, ResidualBlock)[1].branch(x if depth == 14 else x.repeat(1, 4, 1, 1)).any()


@pytest.mark.parametrize(("kind", "depth", "exponent"), [("basic", 14, -1 / 2), ("bottleneck", 20, -1 / 4)])
def test_fixup_scales_branches_by_the_depth_and_zeroes_their_ends(kind, depth, exponent):
    normal = network(depth, norm="none", kind=kind, shortcut="B")
    fixup = dict(network(depth, **FIXUP, kind=kind, shortcut="B").named_parameters())
    last = "conv3" if kind == "bottleneck" else "conv2"
    for name, weight in normal.named_parameters():
        if name.startswith("fc.") or f"branch.{last}" in name:
            expected = torch.zeros_like(weight)
        else:
            expected = weight * 6**exponent if ".branch." in name else weight
        torch.testing.assert_close(fixup[name], expected)
    assert any(".shortcut." in name for name in fixup)


def test_three_steps_move_every_parameter_of_a_fixup_network():
    """The classifier moves first, then the ends of the branches, then what lies before them."""
    model = network(**FIXUP).double()
    start = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), torch.arange(6)).backward()
        optimizer.step()
    assert [name for name, parameter in model.named_parameters() if torch.equal(parameter, start[name])] == []


def test_a_block_on_its_own_can_be_initialised():
    block = build_block(BlockSpec(**FIXUP), 4, 4)
    initialise(block, 0)
    assert not block.branch.conv2.weight.any()
    assert block.branch.conv1.weight.any()
