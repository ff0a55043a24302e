"""Lesion modes: what stands in for the branch of a residual block."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from analysis.inputs.chain import Chain, Residual, TorchvisionBlock, decompose
from analysis.inputs.named_blocks import NamedBlock
from analysis.lesions.choices import Lesion, Mode
from analysis.lesions.shared_prefix import Batches
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Init


class LesionedBlock(nn.Module):
    """A block whose branch is scaled, and to which a constant [1, C, H, W] is added. Factor 0 never runs the branch."""

    def __init__(self, block: Residual, factor: float = 0.0, constant: Tensor | None = None) -> None:
        super().__init__()
        self.block = block
        self.factor = factor
        self.constant = constant

    def forward(self, x: Tensor) -> Tensor:
        h = self.block.before(x)
        y = self.block.skip(h)
        if self.factor:
            y = y + self.factor * self.block.residual(h)
        if self.constant is not None:
            y = y + self.constant
        return self.block.after(y)


@dataclass(frozen=True, slots=True)
class LesionInputs:
    """What some lesions need besides the network.

    `reference`: batches whose mean branch outputs `mean` puts in; `own_seed` and `init`: what the network was trained
    from, the seed None where it is not known; `seed`: of `randomise`.
    """

    model: nn.Module
    reference: Batches | None = None
    own_seed: int | None = None
    init: Init = Init.KAIMING_FAN_OUT
    seed: int = 0


def lesioned_blocks(chain: Chain, lesion: Lesion, inputs: LesionInputs) -> tuple[nn.Module | None, ...]:
    """Return the stand-in for each block; None where the lesion is not possible (`duplicate` of a changing shape).

    `zero` sets the weights of the branch's convolutions and linear layers to 0; norms and biases still add their
    constants. `reinit` and `randomise` give the branch the weights, norms and running statistics of a network that has
    not been trained. Raises UserError where the inputs do not hold what a lesion needs.
    """
    blocks = [chain.block(index) for index in range(len(chain))]
    match lesion.mode:
        case Mode.DELETE:
            return tuple(LesionedBlock(block) for block in blocks)
        case Mode.SCALE:
            return tuple(LesionedBlock(block, lesion.alpha) for block in blocks)
        case Mode.ZERO:
            return tuple(_zeroed(block) for block in blocks)
        case Mode.MEAN:
            return tuple(LesionedBlock(b, constant=m) for b, m in zip(blocks, _means(chain, inputs), strict=True))
        case Mode.REINIT | Mode.RANDOMISE:
            fresh = _untrained(lesion.mode, inputs)
            return tuple(_with_branch_of(block, fresh.block(index)) for index, block in enumerate(blocks))
        case Mode.DUPLICATE:
            pairs = zip(blocks, chain.downsamples(), strict=True)
            return tuple(None if changes else nn.Sequential(_module(b), _module(b)) for b, changes in pairs)


def branch_modules(block: Residual) -> list[nn.Module]:
    """Return the innermost modules of the branch in their order; those of shortcut and gate are not among them."""
    if isinstance(block, NamedBlock):
        return list(block.branch_modules())
    if isinstance(block, TorchvisionBlock):
        parts: Iterable[nn.Module] = (m for name, m in block.block.named_children() if name != "downsample")
    else:
        parts = [cast(nn.Module, block.branch)]  # type: ignore[attr-defined]  # of a ResidualBlock
    return [leaf for part in parts for leaf in part.modules() if not list(leaf.children())]


def _module(block: Residual) -> nn.Module:
    return cast(nn.Module, block)


@torch.no_grad()
def _zeroed(block: Residual) -> nn.Module:
    block = copy.deepcopy(block)
    for module in branch_modules(block):
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.zero_()
    return _module(block)


@torch.inference_mode()
def _means(chain: Chain, inputs: LesionInputs) -> Sequence[Tensor]:
    """Return the mean output of each branch over the reference images, [1, C, H, W]."""
    if inputs.reference is None:
        raise UserError("the lesion mean needs reference images: give some, or choose another mode")
    sums: list[Tensor | float] = [0.0] * len(chain)
    images = 0
    for x, _ in inputs.reference:
        images += len(x)
        for position, item in enumerate(chain.items[: chain.blocks[-1] + 1]):
            if position in chain.blocks:
                block = chain.block(chain.blocks.index(position))
                sums[chain.blocks.index(position)] += block.residual(block.before(x)).double().sum(0, keepdim=True)
            x = item(x)
    if not images:
        raise UserError("the lesion mean got no reference images: give some, or choose another mode")
    return [(total / images).float() for total in sums if isinstance(total, Tensor)]


def _untrained(mode: Mode, inputs: LesionInputs) -> Chain:
    """Return the network before training: of the seed that it was trained from, or of another one."""
    if mode == Mode.REINIT and inputs.own_seed is None:
        raise UserError("the lesion reinit needs the seed that the network was trained from: choose randomise instead")
    own = inputs.own_seed or 0
    model = copy.deepcopy(inputs.model)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    initialise(model, own if mode == Mode.REINIT else own + 1 + inputs.seed, inputs.init)
    return decompose(model)


def _with_branch_of(block: Residual, fresh: Residual) -> nn.Module:
    block = copy.deepcopy(block)
    for module, other in zip(branch_modules(block), branch_modules(fresh), strict=True):
        module.load_state_dict(other.state_dict())
    return _module(block)
