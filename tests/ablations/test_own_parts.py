"""Parts of one's own in a block: built, trained, read by the audit as not known, and held to their contract."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ablations import BlockSpec, build_block, check_block, own
from ablations.own_parts import Role, own_name
from resnet_lab.data.catalog import ImageShape
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.inspect.facts import inspect
from resnet_lab.inspect.order import block_orders
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec, RunSpec
from resnet_lab.spec.fields import replace

IMAGES = ImageShape(channels=1, size=8, classes=10)


def soft(x: torch.Tensor) -> torch.Tensor:
    return x.sigmoid() * x


class Branch(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
        self.scale = nn.Parameter(torch.randn(outputs, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * self.conv(x)  # type: ignore[no-any-return]  # nn.Module calls are untyped


def pooled(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.AvgPool2d(3, stride, 1), nn.Conv2d(inputs, outputs, 1))


def norm(channels: int) -> nn.Module:
    return nn.GroupNorm(1, channels)


def network(channels: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.Flatten(), nn.LazyLinear(classes))


PARTS: dict[str, Callable[..., Any]] = {"kind": Branch, "shortcut": pooled, "norm": norm, "activation": soft}


def with_part(role: str, depth: int = 8) -> ModelSpec:
    changes: dict[str, Any] = {"model.depth": depth, f"model.block.{role}": own(PARTS[role])}
    return replace(RunSpec(), changes).model


@pytest.mark.parametrize("role", PARTS)
def test_a_part_of_ones_own_is_built_trains_and_is_not_known(role: Role) -> None:
    check_block(PARTS[role], role)
    spec = with_part(role)
    built = build_network(spec, channels=1)
    initialise(built, 0)
    built(torch.randn(4, 1, 8, 8)).square().sum().backward()
    assert all(p.grad is not None for p in built.parameters())
    name = own(PARTS[role]).partition("@")[0]
    assert any(own_name(module) == name for module in built.modules())
    facts = inspect(spec, IMAGES)
    if role == "shortcut":  # off the main path: its class and its shapes are in the signature
        assert "Conv2d" in str(build_block(spec.block, 8, 16, 2).shortcut)
    else:
        assert facts.unknown_parts == (name,)
        assert any(name in order for order in block_orders(built))
    assert facts.signature != inspect(ModelSpec(depth=8), IMAGES).signature
    assert {"kind": "depth", "norm": "final_norm", "activation": "final_activation"}.get(role) in (*facts.unknown, None)


def test_a_branch_of_ones_own_has_the_switches_around_it_and_refuses_those_inside() -> None:
    kind = own(Branch)
    around = replace(BlockSpec(), {"kind": kind, "act_position": "none", "branch_init": "skipinit", "attention": "se"})
    block = build_block(around, 8, 16, 2)
    assert [name for name, _ in block.branch.named_children()] == ["own", "se1", "factor1"]
    assert block(torch.randn(2, 8, 7, 7)).shape == (2, 16, 4, 4)
    inside = {"norm_position": "after_add", "act_position": "before_add", "preactivation": "full", "kernels": 313}
    for name, value in (*inside.items(), ("branch_init", "fixup"), ("weight_standardisation", True)):
        with pytest.raises(UserError, match="a branch of your own"):
            replace(BlockSpec(), {"kind": kind, name: value})


class Narrow(Branch):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[:, :-1]


class Idle(Branch):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, stride)
        self.forgotten = nn.Parameter(torch.zeros(3))


class Overwriting(Branch):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x.data.mul_(2)
        return super().forward(x)


class Crowd(Branch):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) - x.mean()


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Narrow, "it must give"),
        (Idle, "no gradient reaches forgotten"),
        (Overwriting, "overwrites its input"),
        (Crowd, "depends on the others"),
    ],
)
def test_the_contract_says_what_a_block_breaks(part: type[nn.Module], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_block(part)


def test_what_cannot_be_built_is_a_sentence() -> None:
    wrong = replace(RunSpec(), {"model.block.kind": own(norm)}).model
    with pytest.raises(UserError, match="cannot be built: TypeError"):
        build_network(wrong)


def test_a_network_of_ones_own_is_built_for_its_images() -> None:
    named = own(network)
    spec = replace(RunSpec(), {"model.name": named}).model
    assert build_network(spec, channels=1, classes=3)(torch.randn(2, 1, 8, 8)).shape == (2, 3)
    with pytest.raises(UserError, match="does not read depth"):
        replace(RunSpec(), {"model.name": named, "model.depth": 8})
