"""Landscape of one network as tidy rows, and its summary."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from analysis.landscape.gradients import Gradients, LayerGradient
from analysis.landscape.surface import Point, Statistics

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """What every number of an analysis depends on; `init_seed` is the seed of the initial weights."""

    images: int
    gradient_images: int
    dataset: str
    bn: Statistics
    seed: int
    init_seed: int
    init: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """One network's surface, the cosine of its two directions, and the gradients by layer."""

    name: str
    surface: Sequence[Point]
    cosine: float
    gradients: Gradients
    conventions: Conventions

    @property
    def centre(self) -> Point:
        """The network itself."""
        return next(point for point in self.surface if point.alpha == 0 == point.beta)


def surface_rows(landscape: Landscape) -> list[Row]:
    """Return a row per point; a loss that is no finite number is None."""
    return [{**asdict(point), "loss": _finite(point.loss)} for point in landscape.surface]


def gradient_rows(landscape: Landscape) -> list[Row]:
    """Return a row per network and layer; `relative` is the gradient's norm over that of the weights."""
    return [
        {"network": network, **_gradient_row(layer)}
        for network, layers in landscape.gradients.by_network.items()
        for layer in layers
    ]


def _gradient_row(layer: LayerGradient) -> Row:
    row = asdict(layer)
    for name in ("gradient_norm", "output_gradient_norm"):
        row[name] = _finite(row[name])
    row["relative"] = _finite(layer.gradient_norm / layer.weight_norm) if layer.weight_norm else None
    return row


def summary(landscape: Landscape) -> Row:
    """Return the surface's figures, those of each network's gradients, and how all was measured."""
    losses = [point.loss for point in landscape.surface if math.isfinite(point.loss)]
    conventions = asdict(landscape.conventions)
    return {
        "network": landscape.name,
        "loss": landscape.centre.loss,
        "error": landscape.centre.error,
        "lowest_loss": min(losses),
        "highest_loss": max(losses),
        "not_finite": len(landscape.surface) - len(losses),
        "cosine": landscape.cosine,
        "gradients": [{"network": name, **spread(layers)} for name, layers in landscape.gradients.by_network.items()],
        "left_out": dict(landscape.gradients.left_out),
        **conventions,
    }


def spread(layers: Sequence[LayerGradient]) -> Row:
    """Return the norms at the first and the last convolution of the body, and the first over the last.

    `ratio` is that of the weights' gradients, `output_ratio` that of the gradients at the layers' outputs; above 1 the
    gradient grows on its way back, below 1 it vanishes. The classifier is not counted: it has no layer above it.
    """
    body = [layer for layer in layers if layer.place == "body"]
    first, last = body[0], body[-2] if len(body) > 1 else body[-1]
    return {
        "first": _finite(first.gradient_norm),
        "last": _finite(last.gradient_norm),
        "ratio": _ratio(first.gradient_norm, last.gradient_norm),
        "output_ratio": _ratio(first.output_gradient_norm, last.output_gradient_norm),
    }


def _ratio(one: float, other: float) -> float | None:
    return _finite(one / other) if other else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
