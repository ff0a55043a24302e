"""VJP rules: a network's parts run forward while the way back through each is recorded."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ablations.block import ResidualBlock
from ablations.scalars import Factor, Shift
from ablations.shortcuts import Scale, ZeroPad
from analysis.inputs.chain import Residual
from analysis.paths.vjp import VJP, AutogradVJP, ConvolutionVJP, IdentityVJP, ScaleVJP, ZeroPadVJP, compose

Recorded = tuple[Tensor, VJP]
ELEMENTWISE = (nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh)


def record(module: nn.Module, x: Tensor) -> Recorded:
    """Return the module's output, without a graph, and its VJP at x [N, ...]."""
    if type(module).forward is nn.Sequential.forward:
        vjps = []
        for part in module.children():
            x, vjp = record(part, x)
            vjps.append(vjp)
        return x, compose(vjps)
    return _known(module, x) or trace(module, x)


def trace(function: Callable[[Tensor], Tensor], x: Tensor) -> Recorded:
    """Return a function's output, without a graph, and its VJP at x; an identity costs nothing."""
    with torch.no_grad():
        y = function(x)
    return y, IdentityVJP() if y is x else AutogradVJP(function, x)


def record_skip(block: Residual, h: Tensor) -> Recorded:
    """Return what the block's shortcut adds, from h = before(x), and its VJP."""
    if isinstance(block, ResidualBlock) and block.gate is None and block.shortcut is not None:
        return record(block.shortcut, h)
    return trace(block.skip, h)


def record_residual(block: Residual, h: Tensor) -> Recorded:
    """Return what the block's branch adds, from h = before(x), and its VJP."""
    if not isinstance(block, ResidualBlock) or block.gate is not None:
        return trace(block.residual, h)
    y, vjp = record(block.branch, h)
    if block.training or block.test_factor == 1:
        return y, vjp
    keep = y.new_tensor(block.test_factor)
    return y * keep, compose([vjp, ScaleVJP(keep)])


def record_function(function: Callable[[Tensor], Tensor], x: Tensor) -> Recorded:
    """Return the output of `before` or `after`, which are modules in our blocks and methods in foreign ones."""
    return record(function, x) if isinstance(function, nn.Module) else trace(function, x)


def _known(module: nn.Module, x: Tensor) -> Recorded | None:
    """Record a part that has a rule; None for one that has none, as a subclass: it may compute something else."""
    with torch.no_grad():
        if type(module) is nn.Conv2d and module.padding_mode == "zeros" and not isinstance(module.padding, str):
            return module(x), ConvolutionVJP(module, module.weight.detach(), x.shape)
        if type(module) is nn.BatchNorm2d and not module.training and module.running_var is not None:
            return module(x), ScaleVJP(_scale(module))
        if type(module) is nn.ReLU:
            y = torch.relu(x)
            return y, ScaleVJP(y > 0)
        if type(module) in (nn.Identity, Shift) or (type(module) is nn.Dropout and not module.training):
            return module(x), IdentityVJP()
        if type(module) is Scale:
            return module(x), ScaleVJP(x.new_tensor(module.factor))
        if type(module) is Factor:
            return module(x), ScaleVJP(module.value.detach().to(x.dtype))
        if type(module) is ZeroPad:
            return module(x), ZeroPadVJP(module.stride, module.low, x.shape)
    return _elementwise(module, x) if type(module) in ELEMENTWISE else None


def _scale(norm: nn.BatchNorm2d) -> Tensor:
    """Return gamma / sqrt(variance + eps) of a norm in eval mode, [C, 1, 1]."""
    assert norm.running_var is not None
    scale = (norm.running_var + norm.eps).rsqrt()
    scale = scale if norm.weight is None else scale * norm.weight.detach()
    return scale[:, None, None]


def _elementwise(module: nn.Module, x: Tensor) -> Recorded:
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        y: Tensor = module(x)
        (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), ScaleVJP(slope)
