"""Weights from a seed: parameters of equal name and shape start equal in every network of that seed."""

import torch
from torch import nn

from resnet_lab.seeds import stream


@torch.no_grad()
def initialise(model: nn.Module, seed: int) -> None:
    """Draw every weight in place from (seed, name, shape).

    Convolutions: He et al. 2015b (arXiv 1502.01852), normal with fan-out, as the ResNet authors' code. Linear layers:
    uniform within 1/sqrt(inputs), bias 0. Norms: scale 1, shift 0.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            generator = _generator(seed, name, module.weight)
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            module.weight.uniform_(-bound, bound, generator=_generator(seed, name, module.weight))
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.ones_(module.weight)
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d | nn.GroupNorm) and module.bias is not None:
            nn.init.zeros_(module.bias)


def _generator(seed: int, name: str, weight: torch.Tensor) -> torch.Generator:
    return stream(seed, "init", name, "x".join(map(str, weight.shape)))
