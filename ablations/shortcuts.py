"""Shortcuts: He et al. 2015, section 4.1 (A, B, C), Huang et al. 2016 (pooled), He et al. 2016, table 1 (the rest)."""

from collections.abc import Mapping
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import nn

from ablations.choices import Shortcut
from ablations.constraints import PROJECTIONS, PROJECTIONS_EVERYWHERE
from ablations.layout import layout_of
from ablations.own_parts import make_own
from ablations.parts import conv1x1, make_conv, sequence
from ablations.references import is_own
from ablations.spec import BlockSpec

GATED = frozenset({Shortcut.EXCLUSIVE_GATING, Shortcut.SHORTCUT_ONLY_GATING})


class ZeroPad(nn.Module):
    """Option A: take every `stride`-th pixel and pad the new channels with zeros, half on each side.

    [N, inputs, H, W] -> [N, outputs, ceil(H/stride), ceil(W/stride)], no parameters. Which channels are padded is a
    permutation of the next convolution's input; both sides is what public option A checkpoints use.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.low = (outputs - inputs) // 2
        self.high = outputs - inputs - self.low

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.low, self.high))

    def extra_repr(self) -> str:
        return f"stride={self.stride}, channels=+{self.low}+{self.high}"


class AvgPoolPad(nn.Module):
    """Average over `stride` x `stride` pixels and put the new channels of zeros behind the old ones.

    [N, inputs, H, W] -> [N, outputs, ceil(H/stride), ceil(W/stride)], no parameters. As in the code of Huang et al.
    2016 (ResidualDrop.lua); at an odd border the average is over the pixels that are there.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.high = outputs - inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride > 1:
            x = F.avg_pool2d(x, self.stride, self.stride, ceil_mode=True)
        return F.pad(x, (0, 0, 0, 0, 0, self.high))

    def extra_repr(self) -> str:
        return f"stride={self.stride}, channels=+0+{self.high}"


class MaxPoolPad(ZeroPad):
    """Option A with the maximum of `stride` x `stride` pixels in place of every `stride`-th.

    [N, inputs, H, W] -> [N, outputs, ceil(H/stride), ceil(W/stride)], no parameters. At an odd border the maximum is
    over the pixels that are there.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride > 1:
            x = F.max_pool2d(x, self.stride, self.stride, ceil_mode=True)
        return F.pad(x, (0, 0, 0, 0, self.low, self.high))


class Scale(nn.Module):
    """Multiply by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor

    def extra_repr(self) -> str:
        return f"{self.factor:g}"


class Gate(nn.Module):
    """g(x) = sigmoid(W x + b), a 1x1 convolution with the shape of the block's output (He et al. 2016, section 3.1)."""

    def __init__(self, inputs: int, outputs: int, stride: int, bias: float) -> None:
        super().__init__()
        self.conv = conv1x1(inputs, outputs, stride, bias=True)
        self.start = bias
        nn.init.constant_(self.conv.bias, bias)  # type: ignore[arg-type]  # there is a bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).sigmoid()  # type: ignore[no-any-return]  # nn.Module calls are untyped


PADDED: Mapping[Shortcut, type[ZeroPad | AvgPoolPad]] = {
    Shortcut.AVG_POOL: AvgPoolPad,
    Shortcut.MAX_POOL: MaxPoolPad,
}
"""How the shortcuts that pool take an image to the next stage's shape; the others without a projection subsample."""


def is_projection(spec: BlockSpec, inputs: int, outputs: int, stride: int) -> bool:
    """Whether the block's shortcut is a convolution."""
    reshapes = inputs != outputs or stride != 1
    return spec.shortcut in PROJECTIONS_EVERYWHERE or (spec.shortcut in PROJECTIONS and reshapes)


def make_shortcut(spec: BlockSpec, inputs: int, outputs: int, stride: int) -> nn.Module | None:
    """Return the shortcut from [N, inputs, H, W] to the branch's output shape, or None for a plain block.

    A gate is not part of it: exclusive gating reads the same gate on both paths.
    """
    if is_own(spec.shortcut):
        return make_own(spec.shortcut, inputs, outputs, stride)
    if is_projection(spec, inputs, outputs, stride):
        operations = "c" if spec.shortcut == Shortcut.CONV1X1 else layout_of(spec).projection
        return sequence(operations, spec, inputs, [make_conv(spec, inputs, outputs, 1, stride)])
    if inputs == outputs and stride == 1:
        identity: nn.Module = nn.Identity()
    else:
        identity = PADDED.get(spec.shortcut, ZeroPad)(inputs, outputs, stride)
    match spec.shortcut:
        case Shortcut.NONE:
            return None
        case Shortcut.CONSTANT_SCALING:
            return nn.Sequential(identity, Scale(spec.shortcut_scale))
        case Shortcut.DROPOUT:
            return nn.Sequential(identity, nn.Dropout(spec.shortcut_dropout))
        case Shortcut.A | Shortcut.B | Shortcut.AVG_POOL | Shortcut.MAX_POOL:
            return identity
        case Shortcut.EXCLUSIVE_GATING | Shortcut.SHORTCUT_ONLY_GATING:
            return identity
        case Shortcut.C | Shortcut.CONV1X1:
            raise AssertionError("a projection everywhere")
    assert_never(spec.shortcut)
