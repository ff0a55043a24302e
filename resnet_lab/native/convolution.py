"""Convolutions of a program, forward and backward: by Winograd's filtering, or as products over patches."""

import ctypes
from typing import Any

import torch
from torch import nn

from resnet_lab.native.buffers import Buffer
from resnet_lab.native.program import LANES, Program, Value

# Pixels below which a Winograd transform of the filter costs more than its products save (measured).
WINOGRAD_PIXELS = 256


def conv(program: Program, x: Value, module: nn.Conv2d, add: Value | None = None) -> Value:
    """Return x * filter (+ add)."""
    shape = _conv_shape(x, module)
    y = program.value(x.images, shape[8], shape[9], module.out_channels)
    y.from_conv = True
    x.readers += 1
    if add is not None:
        add.readers += 1
    apply, differentiate = (_winograd if _is_winograd(x, module) else _by_patches)(program, x, module, y)
    apply(None if add is None else add.data)

    def back() -> None:
        assert y.grad is not None
        differentiate(y.grad)
        if add is not None:
            program.accumulate(add, y.grad)

    program.backward.append(back)
    return y


def _is_winograd(x: Value, module: nn.Conv2d) -> bool:
    fits = module.kernel_size == (3, 3) and module.stride == (1, 1) and module.padding == (1, 1)
    return fits and x.channels % LANES == 0 and x.pixels >= WINOGRAD_PIXELS and min(x.height, x.width) >= 4


def _winograd(program: Program, x: Value, module: nn.Conv2d, y: Value) -> tuple[Any, Any]:
    kernels, w, c, k = program.kernels, _weight(module), x.channels, y.channels
    points = Buffer(kernels.winograd_filter(c, k), torch.float32)
    scratch = program.need_scratch(max(kernels.winograd_scratch(c, k), kernels.winograd_scratch(k, c)))
    plane = (x.images, x.height, x.width)

    def apply(add: Buffer | None) -> None:
        if program.training:
            y.sums = Buffer(2 * k, torch.float64)
        program.call("winograd_prepare", w, c, k, 0, points)
        program.call("winograd_forward", x.data, points, add, y.data, y.sums, *plane, c, k, scratch)

    def differentiate(dy: Buffer) -> None:
        dw = program.parameter_gradient(w)
        program.call("winograd_filter_gradient", x.data, dy, dw, *plane, c, k, points, scratch)
        if x.needs_grad:
            dx, add = program.gradient_buffer(x)
            program.call("winograd_prepare", w, c, k, 1, points)
            program.call("winograd_forward", dy, points, add, dx, None, *plane, k, c, scratch)

    return apply, differentiate


def _by_patches(program: Program, x: Value, module: nn.Conv2d, y: Value) -> tuple[Any, Any]:
    kernels, w = program.kernels, _weight(module)
    shape = (ctypes.c_int64 * 10)(*_conv_shape(x, module))
    packed = Buffer(kernels.conv_filter(shape), torch.float32)
    scratch = program.need_scratch(kernels.conv_scratch(shape))

    def apply(add: Buffer | None) -> None:
        program.call("conv_prepare", w, shape, 0, packed)
        program.call("conv_forward", x.data, packed, add, y.data, shape, scratch)

    def differentiate(dy: Buffer) -> None:
        program.call("conv_filter_gradient", x.data, dy, program.parameter_gradient(w), shape, scratch)
        if x.needs_grad:
            dx, add = program.gradient_buffer(x)
            if add is None:
                program.call("clear", dx, x.data.count)
            program.call("conv_prepare", w, shape, 1, packed)
            program.call("conv_input_gradient", dy, packed, dx, shape, scratch)

    return apply, differentiate


def _weight(module: nn.Conv2d) -> nn.Parameter:
    """Return the filter, which the kernels read as [outputs, kernel, kernel, inputs]."""
    assert module.weight.is_contiguous(memory_format=torch.channels_last)
    assert isinstance(module.weight, nn.Parameter)
    return module.weight


def _conv_shape(x: Value, module: nn.Conv2d) -> tuple[int, ...]:
    kernel, stride, padding = module.kernel_size[0], module.stride[0], int(module.padding[0])
    sides = [(side + 2 * padding - kernel) // stride + 1 for side in (x.height, x.width)]
    return (*x.shape, module.out_channels, kernel, stride, padding, *sides)
