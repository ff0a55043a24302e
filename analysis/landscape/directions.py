"""Filter-normalised random directions in the space of weights (Li et al. 2018, arXiv 1712.09913, section 4).

Under a norm the scale of a filter changes nothing, so a step of fixed length means more to a net of small weights than
to one of large weights. A direction each of whose filters is as long as the network's own makes surfaces comparable.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from resnet_lab.rng import stream

Direction = Mapping[str, Tensor]
"""A tensor for each weight that moves, by the parameter's name, in its shape."""


def weighted(model: nn.Module) -> Iterator[tuple[str, nn.Conv2d | nn.Linear]]:
    """Yield the convolutions and linear layers of a network by name."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            yield name, module


@torch.no_grad()
def filter_normalised(model: nn.Module, seed: int, which: int) -> Direction:
    """Draw direction number `which` of a seed: each filter normal, then as long as the model's filter in its place.

    A filter is what makes one output channel of a convolution, or one output of a linear layer. Biases, norms and
    scales do not move, as in the authors' code: they have no filters.
    """
    return {f"{name}.weight": _drawn(f"{name}.weight", module.weight, seed, which) for name, module in weighted(model)}


def _drawn(name: str, weight: Tensor, seed: int, which: int) -> Tensor:
    drawn = torch.randn(weight.shape, generator=stream(seed, "landscape", which, name)).to(weight)
    scale = _filter_norms(weight) / _filter_norms(drawn).clamp_min(torch.finfo(weight.dtype).tiny)
    return (drawn.flatten(1) * scale[:, None]).view_as(drawn)


def _filter_norms(weight: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(weight.flatten(1), dim=1)
    return norms


def cosine(one: Direction, other: Direction) -> float:
    """Return the cosine of the angle between two directions: near 0, for they are drawn in many dimensions."""
    products = sum(float((one[name].double() * other[name].double()).sum()) for name in one)
    return products / (_length(one) * _length(other))


def _length(direction: Direction) -> float:
    return float(sum(float(part.double().square().sum()) for part in direction.values()) ** 0.5)
