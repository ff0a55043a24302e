"""Recording one operation, running it both ways and reading what it left."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from resnet_lab.native.buffers import Buffer
from resnet_lab.native.compiler import NoKernelsError, library
from resnet_lab.native.program import Program, Value

TOLERANCE = {torch.float32: 5e-5, torch.bfloat16: 2e-2}


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Skip, visibly, where there is no compiler."""
    try:
        library(torch.float32)
    except NoKernelsError as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def on_one_thread(one_thread: None) -> None:
    """Every test of this folder runs on one thread."""


@dataclass
class Outcome:
    """What an operation returned, and the gradients it left; [N, C, H, W] but for those of parameters."""

    out: Tensor
    inputs: list[Tensor]
    parameters: list[Tensor]


Run = Callable[..., Outcome]


@pytest.fixture
def run() -> Run:
    """Run `operation(program, *values)` forward on [N, C, H, W] tensors and back from a gradient of its output."""

    def run(
        operation: Callable[..., Value], inputs: list[Tensor], gradient: Tensor, dtype: torch.dtype = torch.float32
    ) -> Outcome:
        program = Program(library(dtype), dtype, training=True)
        values = [_hold(program, x) for x in inputs]
        out = operation(program, *values)
        out.grad = Buffer(out.data.count, dtype)
        program.hold(out.data)
        program.hold(out.grad)
        program.backward.insert(0, lambda: [program.hold(v.grad) for v in values if v.grad is not None])  # comes last
        program.finish()
        for value, x in zip(values, inputs, strict=True):
            _planes(value, value.data).copy_(x)
        program.run_forward()
        result = _planes(out, out.data).clone()
        _planes(out, out.grad).copy_(gradient)
        program.run_backward()
        gradients = [_planes(v, v.grad) for v in values]
        return Outcome(result, gradients, [each for _, each in program.gradient_views()])

    return run


def _hold(program: Program, x: Tensor) -> Value:
    n, c, h, w = x.shape
    value = program.value(n, h, w, c)
    program.hold(value.data)
    return value


def _planes(value: Value, buffer: Buffer | None) -> Tensor:
    assert buffer is not None
    return buffer.view(*value.shape).permute(0, 3, 1, 2)


@pytest.fixture
def differ() -> Callable[..., float]:
    """The largest difference over the largest number, in units of what rounding allows."""

    def differ(ours: Tensor, theirs: Tensor, dtype: torch.dtype = torch.float32) -> float:
        ours, theirs = ours.detach(), theirs.detach()
        error = (ours.double() - theirs.double()).abs().max() / theirs.abs().max().clamp(min=1e-12)
        return float(error) / TOLERANCE[dtype]

    return differ
