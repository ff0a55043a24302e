"""Loss surface: the loss of a network whose weights are moved along two directions, on a square grid."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.inputs.batches import ImageBatches
from analysis.inputs.progress_bar import Advance
from analysis.landscape.directions import Direction
from resnet_lab.errors import UserError
from resnet_lab.native import accelerate

Statistics = Literal["eval", "train"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The network at weights + alpha x first direction + beta x second: mean cross-entropy in nats, error in %."""

    alpha: float
    beta: float
    loss: float
    error: float


def coordinates(points: int, span: float) -> list[float]:
    """Return `points` numbers, an odd number of them, evenly from -span to span; the middle one is exactly 0."""
    half = points // 2
    return [span * step / half for step in range(-half, half + 1)]


@torch.no_grad()
def loss_surface(
    model: nn.Module,
    batches: ImageBatches,
    directions: tuple[Direction, Direction],
    at: Sequence[float],
    bn: Statistics,
    advance: Advance,
) -> list[Point]:
    """Return every point of the grid at x at, beta by beta; the model is left alone.

    Raises UserError where the loss of the network itself is no finite number.
    """
    moved = copy.deepcopy(model)
    use_statistics(moved, bn)
    forward = accelerate(moved, torch.float32, _device(moved))[0].eval() if bn == "eval" else moved
    start = {name: moved.get_parameter(name).clone() for name in directions[0]}
    _require_finite(forward, batches)
    found = []
    for beta in at:
        for alpha in at:
            for name, weight in start.items():
                moved.get_parameter(name).copy_(weight + alpha * directions[0][name] + beta * directions[1][name])
            loss, error = evaluate(forward, batches)
            found.append(Point(alpha=alpha, beta=beta, loss=loss, error=error))
            advance()
    return found


def use_statistics(model: nn.Module, bn: Statistics) -> None:
    """Set batch norms to running or to batch statistics, in place; all else is as at test: nothing is dropped."""
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.train(bn == "train")


def evaluate(model: nn.Module, batches: ImageBatches) -> tuple[float, float]:
    """Return the mean cross-entropy in nats and the error in per cent of a network in the mode in which it is."""
    loss, wrong = 0.0, 0
    for x, y in batches:
        logits: Tensor = model(x).float()
        loss += float(F.cross_entropy(logits, y, reduction="sum").double())
        wrong += int((logits.argmax(1) != y).sum())
    images = len(batches.images)
    return loss / images, 100 * wrong / images


def _require_finite(model: nn.Module, batches: ImageBatches) -> None:
    loss, _ = evaluate(model, batches)
    if not abs(loss) < float("inf"):
        raise UserError(f"the network's own loss is {loss}, not finite: it diverged, give one that did not")


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
