"""How residual branches start: gates, learned scalars, branches at zero, and Fixup."""

import torch
from torch import nn

from ablations.block import ResidualBlock
from ablations.scalars import Factor, Shift
from ablations.shortcuts import Gate
from ablations.spec import BranchInit
from ablations.squeeze import SqueezeExcitation

_WEIGHTED = (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm)


@torch.no_grad()
def start_branches(model: nn.Module) -> None:
    """Change drawn weights in place where a part of a block has a start of its own; the others stay as they are."""
    for module in model.modules():
        if isinstance(module, Gate):
            nn.init.constant_(_bias(module.conv), module.start)
        elif isinstance(module, SqueezeExcitation):
            nn.init.zeros_(_bias(module.squeeze))
            nn.init.zeros_(_bias(module.excite))
        elif isinstance(module, Factor):
            nn.init.constant_(module.value, module.start)
        elif isinstance(module, Shift):
            nn.init.zeros_(module.value)
    blocks = [module for module in model.modules() if isinstance(module, ResidualBlock)]
    for block in blocks:
        if block.spec.branch_init == BranchInit.ZERO_LAST:
            nn.init.zeros_(_weighted(block)[-1].weight)
        elif block.spec.branch_init == BranchInit.FIXUP:
            _fixup(block, len(blocks))
    if any(block.spec.branch_init == BranchInit.FIXUP for block in blocks):
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
