"""Vector-Jacobian products of a network's parts for many gradients at once, at a recorded input.

Autograd's batched form runs them no faster on a CPU than one by one, so the parts that make up a ResNet have rules of
their own: the leading axis joins the batch, and a ReLU keeps one byte per number. Every other part is traced.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from threading import Lock

import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_input


class VJP(ABC):
    """J^T of one part at its recorded input: [L, *output] -> [L, *input]. The argument is left as it is."""

    @abstractmethod
    def __call__(self, g: Tensor) -> Tensor: ...

    def release(self) -> None:
        """Forget what can be computed again; the VJP stays usable."""
        return


class IdentityVJP(VJP):
    """The part returns its input, or its input plus a constant."""

    def __call__(self, g: Tensor) -> Tensor:
        return g


class ScaleVJP(VJP):
    """The output is the input times a recorded slope, element by element: an activation, a norm, a constant."""

    def __init__(self, slope: Tensor) -> None:
        self.slope = slope

    def __call__(self, g: Tensor) -> Tensor:
        return g * self.slope


class ConvolutionVJP(VJP):
    """A 2d convolution; `weight` may hold the scale of a norm that follows."""

    def __init__(self, conv: nn.Conv2d, weight: Tensor, shape: torch.Size) -> None:
        self.conv, self.weight, self.shape = conv, weight, shape

    def __call__(self, g: Tensor) -> Tensor:
        conv = self.conv
        size = [len(g) * self.shape[0], *self.shape[1:]]
        x: Tensor = conv2d_input(  # type: ignore[no-untyped-call]  # torch leaves it untyped
            size, self.weight, g.flatten(0, 1), conv.stride, conv.padding, conv.dilation, conv.groups
        )
        return x.view(len(g), *self.shape)


class ZeroPadVJP(VJP):
    """Option A's shortcut: subsampling and new channels of zeros."""

    def __init__(self, stride: int, low: int, shape: torch.Size) -> None:
        self.stride, self.low, self.shape = stride, low, shape

    def __call__(self, g: Tensor) -> Tensor:
        x = g.new_zeros(len(g), *self.shape)
        x[..., :: self.stride, :: self.stride] = g[:, :, self.low : self.low + self.shape[1]]
        return x


class AutogradVJP(VJP):
    """Any function, by autograd over a graph of its own that is built when it is first needed."""

    def __init__(self, function: Callable[[Tensor], Tensor], x: Tensor) -> None:
        self.function, self.x = function, x
        self.graph: tuple[Tensor, Tensor] | None = None
        self.lock = Lock()

    def __call__(self, g: Tensor) -> Tensor:
        x, y = self._built()
        if not y.requires_grad:  # a constant, such as a branch times 0 written as zeros
            return g.new_zeros(len(g), *x.shape)
        return torch.autograd.grad(y, x, g, retain_graph=True, is_grads_batched=True)[0]

    def _built(self) -> tuple[Tensor, Tensor]:
        with self.lock, torch.enable_grad():
            if self.graph is None:
                x = self.x.detach().requires_grad_()
                self.graph = x, self.function(x)
            return self.graph

    def release(self) -> None:
        self.graph = None


class ChainVJP(VJP):
    """Parts that run one after the other, given in that order."""

    def __init__(self, parts: Sequence[VJP]) -> None:
        self.parts = tuple(parts)

    def __call__(self, g: Tensor) -> Tensor:
        for part in reversed(self.parts):
            g = part(g)
        return g

    def release(self) -> None:
        for part in self.parts:
            part.release()


def compose(parts: Sequence[VJP]) -> VJP:
    """Return the VJP of parts in a row, with the scale of a norm moved into the convolution before it."""
    merged: list[VJP] = []
    for part in parts:
        previous = merged[-1] if merged else None
        if isinstance(part, IdentityVJP):
            continue
        if isinstance(previous, ConvolutionVJP) and isinstance(part, ScaleVJP) and part.slope.ndim == 3:
            merged[-1] = ConvolutionVJP(previous.conv, previous.weight * part.slope[..., None], previous.shape)
            continue
        merged.append(part)
    return IdentityVJP() if not merged else merged[0] if len(merged) == 1 else ChainVJP(merged)
