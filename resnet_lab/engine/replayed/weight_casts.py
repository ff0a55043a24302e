"""Weight casts: the weights that autocast would cast one by one, cast together, and their gradients alike.

In a captured step each cast is a launch of its own, twice a weight. The numbers are those of autocast.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ablations.parts import Subsampled

_CAST = (nn.Conv2d, Subsampled, nn.Linear)
"""Modules that hand their weights to the product as they are; standardised ones compute with them first."""


class WeightCasts:
    """Copies of a network's weights in the compute type, which take part in the forward pass in their place."""

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        self._slots: list[tuple[nn.Module, str, int]] = []
        places: dict[int, int] = {}
        self._weights: list[nn.Parameter] = []
        for module in model.modules():
            if type(module) in _CAST:
                for name, weight in module.named_parameters(recurse=False):
                    if weight.requires_grad:
                        if id(weight) not in places:
                            places[id(weight)] = len(self._weights)
                            self._weights.append(weight)
                        self._slots.append((module, name, places[id(weight)]))
        self._copies = [nn.Parameter(weight.detach().to(dtype)) for weight in self._weights]
        self._gradients = [torch.zeros_like(weight) for weight in self._weights]

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Cast the weights anew and let the network compute with the copies, within the block."""
        with torch.no_grad():
            torch._foreach_copy_(list(self._copies), list(self._weights))
        for module, name, place in self._slots:
            module._parameters[name] = self._copies[place]
        try:
            yield
        finally:
            for module, name, place in self._slots:
                module._parameters[name] = self._weights[place]

    @torch.no_grad()
    def collect(self) -> None:
        """Give the weights the gradients of their copies."""
        found = [(place, copy.grad) for place, copy in enumerate(self._copies) if copy.grad is not None]
        if found:
            mine: list[Tensor] = [self._gradients[place] for place, _ in found]
            torch._foreach_copy_(mine, [gradient for _, gradient in found])
        for (place, _), gradient in zip(found, mine if found else [], strict=True):
            self._weights[place].grad = gradient
            self._copies[place].grad = None
