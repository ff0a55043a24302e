"""Norms, activations, additions and pooling of a program, forward and backward."""

import ctypes

import torch
from torch import Tensor, nn

from resnet_lab.native.buffers import Buffer
from resnet_lab.native.program import Program, Value


def norm(
    program: Program,
    y: Value,
    module: nn.BatchNorm2d,
    *,
    act: bool = False,
    pre: Value | None = None,
    post: Value | None = None,
) -> Value:
    """Return act(norm(y) + pre) + post."""
    out = program.value(*y.shape)
    for value in filter(None, (y, pre, post)):
        value.readers += 1
    c, state = y.channels, Buffer(4 * y.channels, torch.float32)
    sums = y.sums or Buffer(2 * c, torch.float64)
    if program.training and y.sums is None:
        program.call("channel_sums", y.data, sums, y.pixels, c)
    program.call("norm_begin", sums, *_norm_tensors(module), state, y.pixels, c, *_norm_numbers(module, program))
    sides = [None if value is None else value.data for value in (pre, post)]
    program.call("norm_apply", y.data, *sides, out.data, state, y.pixels, c, int(act))

    def back() -> None:
        assert out.grad is not None
        dout, sums = out.grad, Buffer(2 * c, torch.float64)
        masked = dout if act and pre is not None else None
        dy, add = program.gradient_buffer(y, in_place=True)
        mask = out.data if masked is not None else None
        gradients = program.parameter_gradient(module.weight), program.parameter_gradient(module.bias)
        program.call(
            "norm_backward", dout, masked, y.data, mask, add, dy, state, sums, *gradients, y.pixels, c, int(act)
        )
        for value in filter(None, (pre, post)):
            program.accumulate(value, dout)

    program.backward.append(back)
    return out


def _norm_tensors(module: nn.BatchNorm2d) -> tuple[Tensor | None, ...]:
    return module.weight, module.bias, module.running_mean, module.running_var, module.num_batches_tracked


def _norm_numbers(module: nn.BatchNorm2d, program: Program) -> tuple[float, float, int]:
    assert module.momentum is not None
    return float(module.momentum), float(module.eps), int(program.training)


def relu(program: Program, x: Value) -> Value:
    """Return max(x, 0)."""
    out = program.value(*x.shape)
    x.readers += 1
    program.call("relu_apply", x.data, out.data, x.data.count)

    def back() -> None:
        dx, add = program.gradient_buffer(x)
        program.call("relu_backward", out.grad, out.data, add, dx, x.data.count)

    program.backward.append(back)
    return out


def add(program: Program, a: Value, b: Value) -> Value:
    """Return a + b, where `a` is read by nothing else."""
    out = program.value(*a.shape)
    a.readers, b.readers = a.readers + 1, b.readers + 1
    program.call("add_apply", a.data, b.data, out.data, a.data.count)

    def back() -> None:
        assert out.grad is not None
        # One gradient for both: the backward pass goes through all of `a` before it adds anything to that of `b`.
        program.accumulate(a, out.grad)
        program.accumulate(b, out.grad)

    program.backward.append(back)
    return out


def zero_pad(program: Program, x: Value, outputs: int, stride: int, low: int) -> Value:
    """Return option A's shortcut: every `stride`-th pixel, `low` channels of zeros before its own."""
    sides = [-(-side // stride) for side in (x.height, x.width)]
    out = program.value(x.images, sides[0], sides[1], outputs)
    x.readers += 1
    shape = (ctypes.c_int64 * 7)(*x.shape, outputs, stride, low)
    program.call("zero_pad_apply", x.data, out.data, shape)

    def back() -> None:
        dx, add = program.gradient_buffer(x)
        if add is None:
            program.call("clear", dx, x.data.count)
        program.call("zero_pad_backward", out.grad, dx, shape)

    program.backward.append(back)
    return out


def pool(program: Program, x: Value, gradient: Buffer) -> Buffer:
    """Return the mean over the plane, float32 [images, channels]; its gradient will be in `gradient`."""
    out = Buffer(x.images * x.channels, torch.float32)
    plane = x.height * x.width
    program.call("pool_apply", x.data, out, x.images, plane, x.channels)

    def back() -> None:
        dx, _ = program.gradient_buffer(x)
        program.call("pool_backward", gradient, dx, x.images, plane, x.channels)

    program.backward.append(back)
    return out
