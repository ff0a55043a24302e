"""The contract over the whole space of switches: every legal spec trains, and no two build the same network.

Each part of it is met on whole networks too, because placement also moves operations in the stem and the head.
"""

from collections import defaultdict

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ablations.block import build_block
from ablations.spec import BlockKind, BlockSpec
from resnet_lab.initialise import initialise
from resnet_lab.network import ResNet, build_network
from resnet_lab.spec import ModelSpec

IMAGES = torch.randn(6, 1, 8, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def network(spec: BlockSpec) -> ResNet:
    """Two blocks a stage: one that changes shape where there is a choice, one that never does."""
    depth = 20 if spec.kind == BlockKind.BOTTLENECK else 14
    net = build_network(ModelSpec(depth=depth, width=4, block=spec), channels=1)
    initialise(net, 0)
    return net.double()


def operations(module: nn.Module) -> list[str]:
    """Return what a module computes, part after part; a working place is no difference."""
    leaves = [part for part in module.modules() if not list(part.children())]
    named = [part for part in leaves if not isinstance(part, nn.Identity | nn.Sequential)]
    return [f"{type(part).__name__}({part.extra_repr().replace('inplace=True', '').rstrip(', ')})" for part in named]


def signature(net: ResNet) -> tuple[str, ...]:
    """Return the network as one flat text of operations with marks where paths split and are added."""
    tokens = operations(net.stem)
    for block in net.blocks():
        tokens += operations(block.before)
        if block.shortcut is None:
            tokens += operations(block.branch)
        else:
            tokens += ["split", *operations(block.branch), "|", *operations(block.shortcut), "add"]
        tokens += operations(block.after)
    return (*tokens, *operations(net.head), "pool", *operations(net.fc))


def groups(items, key):
    found = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return [same for same in found.values() if len(same) > 1]


def unmoved(module: nn.Module, loss, steps: int = 2) -> list[str]:
    """Return the parameters that some SGD steps leave where they were, but for rounding."""
    start = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    moves = {name: (parameter.detach() - start[name]).abs().max() for name, parameter in module.named_parameters()}
    return [name for name, distance in moves.items() if not distance > 1e-10]  # `not >` catches NaN


@pytest.fixture(scope="module")
def networks(legal: list[BlockSpec]) -> dict[BlockSpec, ResNet]:
    return {spec: network(spec) for spec in legal}


def test_two_steps_move_every_parameter_of_every_block(legal):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(6, 4, 5, 4, generator=draw, dtype=torch.float64)
    weights = torch.randn(6, 8, 3, 2, generator=draw, dtype=torch.float64)
    for spec in legal:
        block = build_block(spec, 4, 8, stride=2)
        initialise(block, 0)
        block.double()
        assert unmoved(block, lambda block=block: (block(x) * weights).mean()) == [], spec


def test_two_steps_move_every_parameter_of_a_network(covering):
    """But for shifts that no later layer can see: a batch norm behind a 1x1 convolution subtracts them again."""
    for spec in covering:
        net = network(spec)
        still = unmoved(net, lambda net=net: F.cross_entropy(net(IMAGES), torch.arange(6)))
        before = net(IMAGES)
        with torch.no_grad():
            for name in still:
                assert name.endswith(("norm1.bias", "norm3.bias")), (name, spec)
                net.get_parameter(name).normal_(generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(net(IMAGES), before, atol=1e-9, rtol=1e-7)


def test_the_covering_specs_are_few_and_hold_every_value(legal, covering):
    assert len(covering) < len(legal)
    for field in BlockSpec.__dataclass_fields__:
        assert {getattr(spec, field) for spec in covering} == {getattr(spec, field) for spec in legal}


def test_no_two_specs_build_the_same_operations(networks):
    assert groups(networks, lambda spec: signature(networks[spec])) == []


def test_no_two_specs_compute_the_same_function(networks):
    """Weights of equal name and shape are equal, so equal functions would give equal logits."""
    with torch.no_grad():
        logits = torch.stack([net.train()(IMAGES).flatten() for net in networks.values()])
    assert torch.isfinite(logits).all()
    assert (logits.view(len(logits), 6, 10).std(1).amax(1) > 1e-6).all(), "some network does not see its input"
    distances = torch.cdist(logits, logits, compute_mode="donot_use_mm_for_euclid_dist")
    distances.fill_diagonal_(torch.inf)
    assert distances.min() > 1e-6


def test_every_network_has_the_depth_of_its_name(networks):
    """One published 110-layer net has 164 layers: count what was built."""
    for spec, net in networks.items():
        paths = [net.stem, net.fc, *(block.branch for block in net.blocks())]
        weighted = [part for path in paths for part in path.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
        assert len(weighted) == (20 if spec.kind == BlockKind.BOTTLENECK else 14), spec
