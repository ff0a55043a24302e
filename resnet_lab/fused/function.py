"""Batch norm with an activation and an addition as one operation: four kernels behind an autograd.Function."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn

TILE = 4096
"""Elements of a tile that a program holds at once."""
PARTS = 128
"""Most parts whose sums a kernel joins."""
COLUMNS = 32
"""Most channels of a tile."""


class Add(StrEnum):
    """Where the other input of an addition goes."""

    NOWHERE = ""
    FIRST = "first"
    """act(norm(x + added))"""
    BEFORE = "before"
    """act(norm(x) + added)"""
    AFTER = "after"
    """act(norm(x)) + added"""


ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky_relu",
    nn.ELU: "elu",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
}
"""The kernels' names of activations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What is computed around a norm."""

    activation: str
    """One of ACTIVATIONS, or empty."""
    slope: float
    """LeakyReLU's slope below 0, ELU's alpha."""
    add: Add
    eps: float
    momentum: float


def norm_act_add(
    x: Tensor,
    norm: nn.BatchNorm2d,
    activation: nn.Module | None = None,
    added: Tensor | None = None,
    add: Add = Add.NOWHERE,
) -> Tensor:
    """Return the operation's output, [N, C, H, W] in channels_last.

    Statistics are those of the batch; the running ones move as in training. `added` has x's shape and type.
    """
    assert norm.momentum is not None
    slope = getattr(activation, "negative_slope", getattr(activation, "alpha", 0.0))
    operation = Operation(
        activation=ACTIVATIONS[type(activation)] if activation is not None else "",
        slope=float(slope),
        add=add,
        eps=norm.eps,
        momentum=norm.momentum,
    )
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    statistics = (norm.running_mean, norm.running_var)
    # Triton launches on the current device.
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]  # in no stub
        return _NormActAdd.apply(x, added, norm.weight, norm.bias, statistics, operation)  # type: ignore[no-any-return]  # untyped


@dataclass(frozen=True, slots=True)
class _Grid:
    """How a tensor of [rows, channels] is cut into tiles, and the tiles among programs."""

    rows: int
    channels: int

    @property
    def width(self) -> int:
        """Channels of a tile, a power of two."""
        return min(COLUMNS, _power_of_two(self.channels))

    @property
    def height(self) -> int:
        """Rows of a tile."""
        return TILE // self.width

    @property
    def parts(self) -> int:
        """Programs along the rows."""
        return min(PARTS, -(-self.rows // self.height))

    @property
    def steps(self) -> int:
        """Tiles of the program that has most."""
        return -(-self.rows // (self.height * self.parts))

    @property
    def shape(self) -> tuple[int, int]:
        return self.parts, -(-self.channels // self.width)


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


class _NormActAdd(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        added: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        running: tuple[Tensor, Tensor],
        operation: Operation,
    ) -> Tensor:
        from resnet_lab.fused import kernels

        x = x.contiguous(memory_format=torch.channels_last)
        added = None if added is None else added.contiguous(memory_format=torch.channels_last)
        grid = _grid(x)
        first = operation.add == Add.FIRST
        read = torch.empty_like(x) if first else x
        means, deviations = _parts(x, grid), _parts(x, grid)
        kernels.moments[grid.shape](
            x, added if first else x, read, means, deviations, grid.rows, grid.channels, grid.steps,
            FIRST=first, ROWS=grid.height, CHANNELS=grid.width,
        )  # fmt: skip
        out, mean, scale = torch.empty_like(x), _channel(x), _channel(x)
        beside = x if added is None or first else added
        kernels.normalise[grid.shape](
            read, beside, out, weight, bias, means, deviations, mean, scale, *running,
            grid.rows, grid.channels, grid.parts, grid.steps, grid.steps,
            operation.eps, operation.momentum, operation.slope,
            KIND=operation.activation, ADD="" if first else str(operation.add), PARTS=_power_of_two(grid.parts),
            ROWS=grid.height, CHANNELS=grid.width, PART_ROWS=grid.height,
        )  # fmt: skip
        ctx.save_for_backward(read, beside, weight, bias, mean, scale)
        ctx.operation, ctx.has_added = operation, added is not None
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        from resnet_lab.fused import kernels

        read, beside, weight, bias, mean, scale = ctx.saved_tensors
        operation: Operation = ctx.operation
        add = "" if operation.add == Add.FIRST else str(operation.add)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        grid = _grid(read)
        plain, scaled = _parts(read, grid), _parts(read, grid)
        kernels.sums[grid.shape](
            read, beside, gradient, weight, bias, mean, scale, plain, scaled,
            grid.rows, grid.channels, grid.steps, operation.slope,
            KIND=operation.activation, ADD=add, ROWS=grid.height, CHANNELS=grid.width,
        )  # fmt: skip
        own = operation.add == Add.BEFORE and operation.activation != ""
        of_x, of_added = torch.empty_like(read), torch.empty_like(read) if own else gradient
        of_weight, of_bias = _channel(read), _channel(read)
        kernels.gradients[grid.shape](
            read, beside, gradient, weight, bias, mean, scale, plain, scaled, of_x, of_added, of_weight, of_bias,
            grid.rows, grid.channels, grid.parts, grid.steps, operation.slope,
            KIND=operation.activation, ADD=add, PARTS=_power_of_two(grid.parts), ROWS=grid.height, CHANNELS=grid.width,
        )  # fmt: skip
        if operation.add == Add.FIRST:
            of_added = of_x
        return of_x, of_added if ctx.has_added else None, of_weight, of_bias, None, None


def _grid(x: Tensor) -> _Grid:
    n, channels, height, width = x.shape
    return _Grid(n * height * width, channels)


def _parts(x: Tensor, grid: _Grid) -> Tensor:
    return torch.empty((grid.parts, grid.channels), dtype=torch.float32, device=x.device)


def _channel(x: Tensor) -> Tensor:
    return torch.empty(x.shape[1], dtype=torch.float32, device=x.device)
