"""Lowering: from the modules of a built network to a program; which operations are fused, and what is unsupported."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ablations.block import ResidualBlock
from ablations.parts import Standardised
from ablations.shortcuts import ZeroPad
from resnet_lab.native import operations as op
from resnet_lab.native.buffers import Buffer
from resnet_lab.native.convolution import conv
from resnet_lab.native.program import LANES, Program, Value
from resnet_lab.networks.resnet import ResNet


class UnsupportedError(ValueError):
    """The network holds something that the kernels do not compute; the message names it."""


@dataclass(eq=False, slots=True)
class LoweredNetwork:
    """Everything before the last linear layer as a program: its input, pooled features and their gradient."""

    program: Program
    images: Buffer
    features: Buffer
    gradient: Buffer
    parameters: list[tuple[nn.Parameter, torch.Tensor]]
    """With their gradients, once the program has run backward."""
    generation: int = 0
    """Forward passes so far."""


def lower(
    model: ResNet, kernels: ctypes.CDLL, shape: tuple[int, int, int, int], dtype: torch.dtype, *, training: bool
) -> LoweredNetwork:
    """Return the program of a network for images [N, H, W, C]. Raises UnsupportedError."""
    program = Program(kernels, dtype, training)
    x = program.value(*shape)
    x.needs_grad = False
    program.hold(x.data)
    value = _parts(program, model.stem, x)
    for stage in model.stages:
        for module in stage.children():
            value = (_block if isinstance(module, ResidualBlock) else _parts)(program, module, value)
    value = _parts(program, model.head, value)
    gradient = Buffer(value.images * value.channels, torch.float32)
    features = op.pool(program, value, gradient)
    program.finish()
    return LoweredNetwork(program, x.data, features, gradient, program.gradient_views())


def check(model: nn.Module) -> None:
    """Raise UnsupportedError where a network holds what `lower` cannot read."""
    if not isinstance(model, ResNet):
        raise UnsupportedError(f"{type(model).__name__} is not made of residual blocks alone")
    for block in model.blocks():
        if block.gate is not None or block.test_factor != 1:
            raise UnsupportedError("a gated or randomly skipped block")
    for module in _leaves(model):
        _check_leaf(module)


def _leaves(model: nn.Module) -> Iterator[nn.Module]:
    return (module for module in model.modules() if not list(module.children()))


def _check_leaf(module: nn.Module) -> None:
    match module:
        case Standardised():
            raise UnsupportedError("a convolution by standardised weights")
        case nn.Conv2d():
            known = module.bias is None and module.groups == 1 and module.dilation == (1, 1)
            square = len({*module.kernel_size}) == len({*module.stride}) == len({*module.padding}) == 1
            if not (known and square and module.out_channels % LANES == 0 and not isinstance(module.padding, str)):
                raise UnsupportedError(f"a convolution that is not plain, or of other than 8n channels: {module}")
        case nn.BatchNorm2d():
            if not (module.affine and module.track_running_stats and module.momentum is not None):
                raise UnsupportedError("a batch norm without weights or running statistics")
        case nn.ReLU() | nn.Identity() | ZeroPad() | nn.Linear() | nn.Sequential():
            pass
        case _:
            raise UnsupportedError(type(module).__name__)


def _block(program: Program, block: nn.Module, x: Value) -> Value:
    """after(shortcut(x) + branch(x)), the addition done by whatever ends the branch."""
    assert isinstance(block, ResidualBlock)
    x = _parts(program, block.before, x)
    branch, after = list(block.branch), list(block.after)
    if block.shortcut is None:
        return _sequence(program, branch + after, x)
    skip = _parts(program, block.shortcut, x)
    match branch:
        case [*first, nn.BatchNorm2d() as last]:
            act = bool(after) and isinstance(after[0], nn.ReLU)
            joined = op.norm(program, _sequence(program, first, x), last, act=act, pre=skip)
            after = after[act:]
        case [*first, nn.BatchNorm2d() as last, nn.ReLU()]:
            joined = op.norm(program, _sequence(program, first, x), last, act=True, post=skip)
        case [*first, nn.Conv2d() as last]:
            joined = conv(program, _sequence(program, first, x), last, add=skip)
        case _:
            joined = op.add(program, _sequence(program, branch, x), skip)
    return _sequence(program, after, joined)


def _parts(program: Program, module: nn.Module, x: Value) -> Value:
    return _sequence(program, list(module) if isinstance(module, nn.Sequential) else [module], x)


def _sequence(program: Program, modules: Sequence[nn.Module], x: Value) -> Value:
    """One operation after the other; a norm takes the activation behind it along."""
    rest = list(modules)
    while rest:
        module = rest.pop(0)
        match module:
            case nn.Conv2d():
                x = conv(program, x, module)
            case nn.BatchNorm2d():
                act = bool(rest) and isinstance(rest[0], nn.ReLU)
                x = op.norm(program, x, module, act=act)
                rest = rest[act:]
            case nn.ReLU():
                x = op.relu(program, x)
            case ZeroPad():
                x = op.zero_pad(program, x, x.channels + module.low + module.high, module.stride, module.low)
            case nn.Identity():
                pass
            case _:
                raise UnsupportedError(type(module).__name__)
    return x
