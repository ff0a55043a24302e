"""The contract over the whole space of switches: every legal spec trains, and no two build the same network.

Each part of it is met on whole networks too, because placement also moves operations in the stem and the head.
"""

import re
from collections import defaultdict

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ablations.block import ResidualBlock, build_block
from ablations.choices import BlockKind, Norm
from ablations.spec import BlockSpec
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.networks.resnet import ResNet
from resnet_lab.spec import ModelSpec

IMAGES = torch.randn(6, 1, 8, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def network(spec: BlockSpec) -> ResNet:
    """Two blocks per stage: one that changes shape where there is a choice, one that never does."""
    depth = 20 if spec.kind == BlockKind.BOTTLENECK else 14
    net = build_network(ModelSpec(depth=depth, width=4, block=spec), channels=1)
    initialise(net, 0)
    return net.double()


def operations(module: nn.Module) -> list[str]:
    """Return what a module computes and where it starts from zero; a working place is no difference."""
    if isinstance(module, nn.Sequential):
        return [operation for part in module for operation in operations(part)]
    if isinstance(module, nn.Identity):
        return []
    settings = module.extra_repr().replace("inplace=True", "").rstrip(", ")
    inner = [operation for part in module.children() for operation in operations(part)]
    zero = [name for name, start in module.named_parameters(recurse=False) if name != "bias" and not start.any()]
    return [f"{type(module).__name__}({settings}){zero}{inner}"]


def path(block: ResidualBlock) -> list[str]:
    """Return a block as a text of operations with marks where paths split and are added."""
    inside = operations(block.branch)
    if block.shortcut is not None:
        gate = [] if block.gate is None else [block.spec.shortcut, *operations(block.gate)]
        inside = ["split", *inside, "|", *operations(block.shortcut), "|", *gate, "add"]
    return [*operations(block.before), *inside, *operations(block.after)]


def signature(net: ResNet) -> tuple[str, ...]:
    """Return the whole network as one flat text."""
    tokens = operations(net.stem)
    for part in (part for stage in net.stages for part in stage):
        tokens += path(part) if isinstance(part, ResidualBlock) else operations(part)
    return (*tokens, *operations(net.head), "pool", *operations(net.fc))


def groups(items, key):
    found = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return [same for same in found.values() if len(same) > 1]


def logits(module: nn.Module, x: torch.Tensor = IMAGES) -> torch.Tensor:
    torch.default_generator.manual_seed(0)  # for shortcuts dropped by chance; torch.manual_seed takes 2 ms per call
    return module.train()(x)


def assert_all_move(module: nn.Module, outputs, loss, lr: float) -> None:
    """Check that two SGD steps move every parameter, but for the shifts of norms that no later layer can see.

    A norm's shift passes a 1x1 convolution as a constant, which a batch norm behind it subtracts again.
    """
    start = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    optimizer = torch.optim.SGD(module.parameters(), lr)
    for _ in range(2):
        optimizer.zero_grad()
        loss(outputs()).backward()
        optimizer.step()
    moves = {name: (parameter.detach() - start[name]).abs().max() for name, parameter in module.named_parameters()}
    still = [name for name, distance in moves.items() if not distance > 1e-13]  # `not >` catches NaN
    assert all(re.search(r"norm\d\.bias$", name) for name in still), still
    if still:
        with torch.no_grad():
            before = outputs()
            for name in still:
                module.get_parameter(name).normal_(generator=torch.Generator().manual_seed(1))
            torch.testing.assert_close(outputs(), before, atol=1e-9, rtol=1e-7)


@pytest.fixture
def wide_squeeze(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attention with many hidden units: the only one of a narrow block may be dead by chance."""
    monkeypatch.setattr("ablations.attention.REDUCTION", 1)


@pytest.fixture(scope="module", params=["covering", pytest.param("legal", marks=pytest.mark.slow)])
def specs(request: pytest.FixtureRequest) -> list[BlockSpec]:
    """Every legal pair of values in a minute, every legal spec in the slow tests."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def networks(specs: list[BlockSpec]) -> dict[BlockSpec, ResNet]:
    return {spec: network(spec) for spec in specs}


@pytest.mark.usefixtures("wide_squeeze")
def test_two_steps_move_every_parameter_of_every_block(specs):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(6, 4, 5, 4, generator=draw, dtype=torch.float64)
    weights = torch.randn(6, 8, 3, 2, generator=draw, dtype=torch.float64)
    for spec in specs:
        block = build_block(spec, 4, 8, stride=2)
        initialise(block, 0)
        block.double()
        assert_all_move(block, lambda block=block: logits(block, x), lambda y: (y * weights).mean(), lr=0.5)


@torch.no_grad()
def fill(net: ResNet) -> ResNet:
    """Give what starts at zero a value: a branch at zero hides what is in it."""
    for parameter in net.parameters():
        if not parameter.any():
            parameter.normal_(std=0.1, generator=torch.Generator().manual_seed(1))
    return net


@pytest.mark.slow
@pytest.mark.usefixtures("wide_squeeze")
def test_two_steps_move_every_parameter_of_a_network(covering):
    for spec in covering:
        if spec.weight_standardisation and spec.norm == Norm.NONE:
            continue  # nothing holds its values: they grow from block to block until every gate is saturated
        net = fill(network(spec))
        assert_all_move(net, lambda net=net: logits(net), lambda y: F.cross_entropy(y, torch.arange(6)), lr=0.01)


def test_the_covering_specs_hold_every_value(legal, covering):
    assert len(covering) < len(legal)
    for field in BlockSpec.__dataclass_fields__:
        assert {getattr(spec, field) for spec in covering} == {getattr(spec, field) for spec in legal}


def test_no_two_specs_build_the_same_operations(networks):
    assert groups(networks, lambda spec: signature(networks[spec])) == []


@torch.no_grad()
def test_no_two_specs_compute_the_same_function(networks):
    """Weights of equal name and shape are equal, so equal functions would give equal logits."""
    outputs = torch.stack([logits(fill(net)).flatten() for net in networks.values()])
    assert torch.isfinite(outputs).all()
    assert (outputs.view(-1, 6, 10).std(1).amax(1) > 1e-6).all(), "some network does not see its input"
    distances = torch.cdist(outputs, outputs, compute_mode="donot_use_mm_for_euclid_dist")
    distances.fill_diagonal_(torch.inf)
    assert distances.min() > 1e-6


def test_every_network_has_the_depth_of_its_name(networks):
    """One published 110-layer net has 164 layers: count what was built, as the paper does, on the main path."""
    for spec, net in networks.items():
        branches = [name for block in net.blocks() for name, _ in block.branch.named_children()]
        weighted = [name for name in branches if name.startswith("conv")]
        assert len(weighted) + 2 == (20 if spec.kind == BlockKind.BOTTLENECK else 14), spec
