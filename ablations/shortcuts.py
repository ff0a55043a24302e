"""Shortcuts of He et al. 2015, section 4.1: A zero-pads, B projects where the shape changes, C everywhere."""

from typing import assert_never

import torch
import torch.nn.functional as F
from torch import nn

from ablations.layout import layout_of
from ablations.parts import conv1x1, sequence
from ablations.spec import BlockSpec, Shortcut


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


def is_projection(spec: BlockSpec, inputs: int, outputs: int, stride: int) -> bool:
    """Whether the block's shortcut has weights."""
    reshapes = inputs != outputs or stride != 1
    return spec.shortcut == Shortcut.C or (spec.shortcut == Shortcut.B and reshapes)


def make_shortcut(spec: BlockSpec, inputs: int, outputs: int, stride: int) -> nn.Module | None:
    """Return the shortcut from [N, inputs, H, W] to the branch's output shape, or None for a plain block."""
    match spec.shortcut:
        case Shortcut.NONE:
            return None
        case Shortcut.A if inputs != outputs or stride != 1:
            return ZeroPad(inputs, outputs, stride)
        case Shortcut.A | Shortcut.B | Shortcut.C:
            if not is_projection(spec, inputs, outputs, stride):
                return nn.Identity()
            conv = conv1x1(inputs, outputs, stride)
            return sequence(layout_of(spec).projection, spec, inputs, [conv])
    assert_never(spec.shortcut)
