"""The parts of a block: norms, activations, convolutions, and sequences of them read from a layout."""

from collections.abc import Iterable
from math import gcd
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import nn

from ablations.attention import SqueezeExcitation
from ablations.choices import SKIPINITS, Activation, BranchInit, Norm
from ablations.own_parts import make_own
from ablations.references import is_own
from ablations.scalars import Factor, LayerScale, Shift
from ablations.spec import BlockSpec

MAX_GROUPS = 32  # Wu and He 2018 (arXiv 1803.08494), section 4: the default number of groups


def groups_of(channels: int) -> int:
    """Return the groups of a group norm: at most 32, each of at least two channels where there are two.

    One channel per group would be an instance norm: every image's mean over the plane is then the shift, and a narrow
    net that pools right after such a norm no longer sees its input.
    """
    groups = gcd(MAX_GROUPS, channels)
    return groups if groups < channels else max(channels // 2, 1)


def make_norm(norm: Norm, channels: int) -> nn.Module | None:
    """Return a norm over [N, channels, H, W], or None for `none`."""
    if is_own(norm):
        return make_own(norm, channels)
    match norm:
        case Norm.BATCH:
            return nn.BatchNorm2d(channels)
        case Norm.GROUP:
            return nn.GroupNorm(groups_of(channels), channels)
        case Norm.LAYER:
            return nn.GroupNorm(1, channels)
        case Norm.NONE:
            return None
    assert_never(norm)


def make_activation(activation: Activation, *, inplace: bool) -> nn.Module:
    """Return the activation; `inplace` is honoured where its gradient needs only the output."""
    if is_own(activation):
        return make_own(activation)
    match activation:
        case Activation.RELU:
            return nn.ReLU(inplace)
        case Activation.LEAKY_RELU:
            return nn.LeakyReLU(inplace=inplace)
        case Activation.ELU:
            return nn.ELU()
        case Activation.GELU:
            return nn.GELU()
        case Activation.SILU:
            return nn.SiLU()
    assert_never(activation)


def has_biases(spec: BlockSpec) -> bool:
    """Whether the convolutions have biases; a norm behind one would subtract it again."""
    return spec.branch_init == BranchInit.SKIPINIT_BIASES


def conv3x3(inputs: int, outputs: int, stride: int = 1, *, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)


def conv1x1(inputs: int, outputs: int, stride: int = 1, *, bias: bool = False) -> nn.Conv2d:
    kind = Subsampled if stride > 1 and inputs < ONEDNN_BLOCK else nn.Conv2d
    return kind(inputs, outputs, 1, stride, bias=bias)


ONEDNN_BLOCK = 16  # channels; 8 without AVX-512


class Subsampled(nn.Conv2d):
    """A strided 1x1 convolution that takes every `stride`-th pixel first: the same function.

    oneDNN's gradient of such a filter writes past its memory in channels_last below a block of input channels, which
    corrupts the process or the result (oneDNN issue 6035).
    """

    def _conv_forward(self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        rows, columns = self.stride
        return F.conv2d(input[:, :, ::rows, ::columns], weight, bias)


EPSILON = 1e-5  # added to the variance of a filter


def standardise(weight: torch.Tensor) -> torch.Tensor:
    """Return filters [outputs, inputs, H, W] with mean 0 and variance 1 each (arXiv 1903.10520, section 3.2)."""
    variance, mean = torch.var_mean(weight, (1, 2, 3), correction=0, keepdim=True)
    return (weight - mean) * (variance + EPSILON).rsqrt()


class Standardised(nn.Conv2d):
    """A convolution by standardised filters: weight standardisation (Qiao et al. 2019, arXiv 1903.10520)."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(input, standardise(self.weight), self.bias)  # type: ignore[no-any-return]  # untyped


class SubsampledStandardised(Standardised, Subsampled):
    """A `Subsampled` convolution by standardised filters."""


def make_conv(spec: BlockSpec, inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Return the spec's kind of convolution: an odd kernel that keeps the plane, or takes every `stride`-th pixel."""
    subsampled = kernel == 1 and stride > 1 and inputs < ONEDNN_BLOCK
    kind: type[nn.Conv2d] = Subsampled if subsampled else nn.Conv2d
    if spec.weight_standardisation:
        kind = SubsampledStandardised if subsampled else Standardised
    return kind(inputs, outputs, kernel, stride, padding=kernel // 2, bias=has_biases(spec))


def sequence(
    operations: str, spec: BlockSpec, channels: int, convs: Iterable[nn.Conv2d] = (), *, fresh: bool = False
) -> nn.Sequential:
    """Return the operations as a Sequential with names such as conv1, norm1, act1.

    `channels` is the width of its input; `convs` are used in order. `fresh` says that nothing else holds the
    input, so that a leading activation may overwrite it. Conv names do not depend on the order of operations,
    which lets parameters of equal name and shape start equal across arms.
    """
    modules, remaining, counts = nn.Sequential(), iter(convs), dict.fromkeys(_NAMES, 0)
    for operation in operations:
        module: nn.Module | None
        match operation:
            case "c":
                module = conv = next(remaining)
                channels = conv.out_channels
            case "n":
                module = make_norm(spec.norm, channels)
            case "a":
                module = make_activation(spec.activation, inplace=fresh)
            case "b":
                module = Shift()
            case "m":
                module = Factor(0.0 if spec.branch_init in SKIPINITS else 1.0)
            case "v":
                module = LayerScale(channels, spec.layer_scale_start)
            case "d":
                module = nn.Dropout(spec.branch_dropout)
            case "s":
                module = SqueezeExcitation(channels)
        if module is None:
            continue
        counts[operation] += 1
        modules.add_module(f"{_NAMES[operation]}{counts[operation]}", module)
        fresh = True
    return modules


_NAMES = {
    "c": "conv",
    "n": "norm",
    "a": "act",
    "b": "shift",
    "m": "factor",
    "s": "se",
    "v": "layer_scale",
    "d": "dropout",
}
