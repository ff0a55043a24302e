"""Fixtures of the network tests: building on the meta device, and copying weights by order."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace


@pytest.fixture(autouse=True)
def on_one_thread(one_thread: None) -> None:
    """Every test of this folder runs on one thread."""


@pytest.fixture
def build() -> Callable[..., nn.Module]:
    """Build a network from dotted names, its weights torch's defaults."""

    def build(name: str, *, channels: int = 3, classes: int = 10, **fields: object) -> nn.Module:
        changes = {"model.name": name} | {key.replace("__", "."): value for key, value in fields.items()}
        return build_network(replace(RunSpec(), changes).model, channels=channels, classes=classes)

    return build


@pytest.fixture
def copy_in_order() -> Callable[[nn.Module, nn.Module], None]:
    """Give one network the other's tensors, paired by their order, shape by shape, after shaking every one of them."""

    def copy(source: nn.Module, target: nn.Module) -> None:
        shake(source)
        ours, theirs = target.state_dict(), source.state_dict()
        assert [tensor.shape for tensor in ours.values()] == [tensor.shape for tensor in theirs.values()]
        target.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))

    return copy


@torch.no_grad()
def shake(network: nn.Module) -> None:
    """Give norms scales, shifts and statistics that differ by channel, so that each of them matters."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                tensor.add_(0.1 * torch.randn(tensor.shape, generator=generator))
            module.running_var.mul_(0.5 + torch.rand(module.running_var.shape, generator=generator))
