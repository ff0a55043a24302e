"""A network as a list of calls into the kernels, forward and backward, over memory of its own."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from resnet_lab.native.buffers import Buffer, allocate

LANES = 8  # numbers of a vector in the kernels: channels are a multiple of it


@dataclass(eq=False, slots=True)
class Value:
    """Activations [images, height, width, channels] and, once the backward pass has reached them, their gradient."""

    images: int
    height: int
    width: int
    channels: int
    data: Buffer
    grad: Buffer | None = None
    readers: int = 0
    needs_grad: bool = True
    from_conv: bool = False
    """Its producer does not read it again, so that a gradient may take its place."""
    sums: Buffer | None = None
    """Per channel, of the values and of their squares, where the producer has added them up."""

    @property
    def pixels(self) -> int:
        return self.images * self.height * self.width

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.images, self.height, self.width, self.channels


@dataclass(slots=True)
class Call:
    """A kernel and its arguments: buffers, parameters and buffers of modules, and plain numbers."""

    name: str
    arguments: tuple[Any, ...]

    def buffers(self) -> list[Buffer]:
        return [argument for argument in self.arguments if isinstance(argument, Buffer)]


@dataclass(eq=False, slots=True)
class Program:
    """Calls in order. Recorded by `resnet_lab.native.operations`, then closed by `finish`, then run again and again."""

    kernels: ctypes.CDLL
    dtype: torch.dtype
    training: bool
    calls: list[Call] = field(default_factory=list)
    split: int = 0
    """Calls before this one are the forward pass."""
    backward: list[Callable[[], None]] = field(default_factory=list)
    """What records the backward pass, in the order of the forward pass."""
    gradients: list[tuple[nn.Parameter, Buffer]] = field(default_factory=list)
    """Where the backward pass leaves the gradient of each parameter, in the parameter's own order in memory."""
    scratch: Buffer = field(default_factory=lambda: Buffer(0, torch.float32, pinned=True))
    held: list[Buffer] = field(default_factory=list)
    bound: list[tuple[Any, tuple[Any, ...]]] = field(default_factory=list)

    def value(self, images: int, height: int, width: int, channels: int) -> Value:
        """Return activations that nothing has been written to."""
        return Value(images, height, width, channels, Buffer(images * height * width * channels, self.dtype))

    def hold(self, buffer: Buffer) -> None:
        """Let a buffer that is filled or read from outside have memory of its own."""
        buffer.pinned = True
        self.held.append(buffer)

    def call(self, name: str, *arguments: Any) -> None:
        """Record a call."""
        self.calls.append(Call(name, arguments))

    def need_scratch(self, count: int) -> Buffer:
        """Return the memory that all calls share: at least `count` floats."""
        self.scratch.count = max(self.scratch.count, count)
        return self.scratch

    def parameter_gradient(self, parameter: nn.Parameter) -> Buffer:
        """Return where the gradient of a parameter is to be left."""
        buffer = Buffer(parameter.numel(), torch.float32, pinned=True)
        self.gradients.append((parameter, buffer))
        return buffer

    def gradient_buffer(self, value: Value, in_place: bool = False) -> tuple[Buffer, Buffer | None]:
        """Return the buffer for a gradient of `value`, and what to add to it: None for the first gradient.

        `in_place`: the writer reads each number of the value just where it writes the gradient.
        """
        if value.grad is not None:
            return value.grad, value.grad
        reuse = in_place and value.from_conv and value.readers == 1
        value.grad = value.data if reuse else Buffer(value.data.count, self.dtype)
        return value.grad, None

    def accumulate(self, value: Value, gradient: Buffer) -> None:
        """Add a gradient to that of `value`; its buffer is read by nothing else after this."""
        if not value.needs_grad:
            return
        if value.grad is None:
            value.grad = gradient
        else:
            self.call("add_apply", value.grad, gradient, value.grad, value.data.count)

    def finish(self) -> None:
        """Record the backward pass, in training, and settle where everything lies."""
        self.split = len(self.calls)
        if self.training:
            for record in reversed(self.backward):
                record()
        allocate([self.held, *(call.buffers() for call in self.calls)])
        self.bound = [(getattr(self.kernels, call.name), tuple(map(_argument, call.arguments))) for call in self.calls]

    def gradient_views(self) -> list[tuple[nn.Parameter, torch.Tensor]]:
        """Return the parameters with their gradients, each of the parameter's shape."""
        return [
            (parameter, buffer.view(-1).as_strided(parameter.shape, parameter.stride()))
            for parameter, buffer in self.gradients
        ]

    def run_forward(self) -> None:
        for kernel, arguments in self.bound[: self.split]:
            kernel(*arguments)

    def run_backward(self) -> None:
        for kernel, arguments in self.bound[self.split :]:
            kernel(*arguments)


def _argument(value: Any) -> Any:
    """Return what ctypes passes: the address of a buffer or tensor, or a 64-bit number."""
    match value:
        case Buffer():
            return ctypes.c_void_p(value.address)
        case torch.Tensor():
            return ctypes.c_void_p(value.data_ptr())
        case None:
            return ctypes.c_void_p(None)
        case float():
            return ctypes.c_double(value)
        case int():
            return ctypes.c_long(value)
        case _:  # a ctypes array, kept alive by the tuple that holds it
            return value
