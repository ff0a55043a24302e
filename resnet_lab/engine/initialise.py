"""Weight initialisation from a seed: parameters of equal name and shape start equal in every network of that seed."""

from typing import assert_never

import torch
from torch import Tensor, nn

from ablations.attention import SqueezeExcitation
from ablations.block import ResidualBlock
from ablations.choices import FIXUPS, BranchInit
from ablations.scalars import Factor, LayerScale, Shift
from ablations.shortcuts import Gate
from resnet_lab.rng import stream
from resnet_lab.spec.choices import Init


@torch.no_grad()
def initialise(model: nn.Module, seed: int, init: Init = Init.KAIMING_FAN_OUT) -> None:
    """Draw every weight in place from (seed, name, shape), then apply the initialisation of residual branches.

    Convolutions follow `init`: normal by fan-out, as the ResNet authors' code, or fan-in (He et al. 2015b, arXiv
    1502.01852), uniform by both (Glorot and Bengio 2010), or torch's default. Linear layers: uniform within
    1/sqrt(inputs), which is torch's default. Biases: 0, except under torch's default, which draws them like the
    weights. Norms: scale 1, shift 0.
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
    init_branches(model)


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


_WEIGHTED = (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm)


@torch.no_grad()
def init_branches(model: nn.Module) -> None:
    """Initialise gates, attention, scalars and branches as the block's `branch_init` says, in place, after the draw."""
    for module in model.modules():
        if isinstance(module, Gate):
            nn.init.constant_(_bias(module.conv), module.start)
        elif isinstance(module, SqueezeExcitation):
            nn.init.zeros_(_bias(module.squeeze))
            nn.init.zeros_(_bias(module.excite))
        elif isinstance(module, Factor | LayerScale):
            nn.init.constant_(module.value, module.start)
        elif isinstance(module, Shift):
            nn.init.zeros_(module.value)
    blocks = [module for module in model.modules() if isinstance(module, ResidualBlock)]
    for block in blocks:
        if block.spec.branch_init == BranchInit.ZERO_LAST:
            nn.init.zeros_(_weighted(block)[-1].weight)
        elif block.spec.branch_init in FIXUPS:
            _fixup(block, len(blocks))
    if any(block.spec.branch_init in FIXUPS for block in blocks):
        _zero_classifier(model)


def _fixup(block: ResidualBlock, blocks: int) -> None:
    """Scale a branch of m convolutions by L^(-1/(2m-2)), its last one by 0 (arXiv 1901.09321, section 3)."""
    convs = [part for part in block.branch if isinstance(part, nn.Conv2d)]
    for conv in convs[:-1]:
        conv.weight.mul_(blocks ** (-1 / (2 * len(convs) - 2)))
    nn.init.zeros_(convs[-1].weight)


def _zero_classifier(model: nn.Module) -> None:
    """Fixup's classifier starts at 0; a block on its own has none."""
    classifier = getattr(model, "fc", None)
    if isinstance(classifier, nn.Linear):
        nn.init.zeros_(classifier.weight)
        nn.init.zeros_(classifier.bias)


def _weighted(block: ResidualBlock) -> list[nn.Conv2d | nn.BatchNorm2d | nn.GroupNorm]:
    """Return the branch's own convolutions and norms: scalars, scales and attention at its end do not count."""
    return [part for part in block.branch if isinstance(part, _WEIGHTED)]


def _bias(conv: nn.Conv2d) -> torch.Tensor:
    if conv.bias is None:
        raise AssertionError("gates and attention have biases")
    return conv.bias
