"""FLOP counter with the formulas of torch's own, without the second that torch's takes to start."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

CONVENTION = "forward pass of one image; 2 x multiply-adds of convolutions and linear layers"


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own hook
    """Add up `torch.utils.flop_counter.flop_registry` over every operation on the meta device in a `with` block.

    The total is that of `torch.utils.flop_counter.FlopCounterMode`.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Declare that nothing here is compiled: guarding against the compiler would import it."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kind = func._overloadpacket
        output = _SHAPES.get(kind, func)(*args, **(kwargs or {}))
        if kind in flop_registry:
            self.total += flop_registry[kind](*args, **(kwargs or {}), out_val=output)
        return output


def _elementwise(*args: Any, **_: Any) -> torch.Tensor:
    tensors = [value for value in args if isinstance(value, torch.Tensor)]
    shape = torch.broadcast_shapes(*(tensor.shape for tensor in tensors))  # type: ignore[no-untyped-call]  # as above
    return tensors[0].new_empty(shape)


def _batch_norm(x: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.empty_like(x), x.new_empty(0), x.new_empty(0)


def _mean(x: torch.Tensor, dim: Sequence[int], keepdim: bool = False, **_: Any) -> torch.Tensor:
    dropped = {index % x.ndim for index in dim}
    return x.new_empty([1 if i in dropped else n for i, n in enumerate(x.shape) if keepdim or i not in dropped])


def _addmm(_: torch.Tensor, a: torch.Tensor, b: torch.Tensor, **__: Any) -> torch.Tensor:
    return a.new_empty(a.shape[0], b.shape[1])


_ATEN = torch.ops.aten
_KEEP = (
    *(_ATEN.add, _ATEN.add_, _ATEN.sub, _ATEN.rsub, _ATEN.mul, _ATEN.sigmoid, _ATEN.relu, _ATEN.relu_),
    *(_ATEN.leaky_relu, _ATEN.leaky_relu_, _ATEN.elu, _ATEN.gelu, _ATEN.silu),
)
# The shapes that the commonest operations put out. Asked on the meta device, torch says so in Python code that first
# imports its compiler, which takes longer than to build and run most networks there.
_SHAPES = {
    **dict.fromkeys(_KEEP, _elementwise),
    _ATEN.addmm: _addmm,
    _ATEN.native_batch_norm: _batch_norm,
    _ATEN.native_group_norm: _batch_norm,
    _ATEN.mean: _mean,
}
