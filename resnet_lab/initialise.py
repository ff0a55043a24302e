"""Weights from a seed: parameters of equal name and shape start equal in every network of that seed."""

from typing import assert_never

import torch
from torch import Tensor, nn

from resnet_lab.branch_starts import start_branches
from resnet_lab.choices import Init
from resnet_lab.seeds import stream


@torch.no_grad()
def initialise(model: nn.Module, seed: int, init: Init = Init.KAIMING_FAN_OUT) -> None:
    """Draw every weight in place from (seed, name, shape), then give residual branches their own starts.

    Convolutions follow `init`: normal by fan-out, as the ResNet authors' code, or fan-in (He et al. 2015b, arXiv
    1502.01852), uniform by both (Glorot and Bengio 2010), or torch's default. Linear layers: uniform within
    1/sqrt(inputs), which is torch's default. Biases: 0, but for torch's default, which draws them like the weights.
    Norms: scale 1, shift 0.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            _draw(module.weight, init, _generator(seed, name, module.weight))
        elif isinstance(module, nn.Linear):
            _within(module.weight, module.in_features, _generator(seed, name, module.weight))
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.ones_(module.weight)
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d | nn.GroupNorm) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if init == Init.DEFAULT and isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            _within(module.bias, module.weight[0].numel(), _generator(seed, f"{name}.bias", module.bias))
    start_branches(model)


def _draw(weight: Tensor, init: Init, generator: torch.Generator) -> None:
    match init:
        case Init.KAIMING_FAN_OUT:
            nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu", generator=generator)
        case Init.KAIMING_FAN_IN:
            nn.init.kaiming_normal_(weight, mode="fan_in", nonlinearity="relu", generator=generator)
        case Init.XAVIER:
            nn.init.xavier_uniform_(weight, generator=generator)
        case Init.DEFAULT:
            _within(weight, weight[0].numel(), generator)
        case _:
            assert_never(init)


def _within(tensor: Tensor, inputs: int, generator: torch.Generator) -> None:
    """Draw from +-1/sqrt(inputs): what torch writes as kaiming_uniform_ with a = sqrt(5)."""
    tensor.uniform_(-(inputs**-0.5), inputs**-0.5, generator=generator)


def _generator(seed: int, name: str, tensor: Tensor) -> torch.Generator:
    return stream(seed, "init", name, "x".join(map(str, tensor.shape)))
