"""The starting point of a run as digests: its initial parameters, the order of its first epoch, its first mini-batch.

All of it is hashed on the CPU and before rounding to a compute type, so that equal starts have equal digests on every
device and in every engine. They prove the pairing of arms: `analysis.comparison.pairing` compares them.
"""

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from resnet_lab.data.augment import draw, first_batch

if TYPE_CHECKING:
    from resnet_lab.engine.session import Session

DIGITS = 16
"""Hex digits that are kept of a SHA-256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartingPoint:
    """Digests, each of DIGITS hex digits."""

    first_batch: str
    """Of the pixels as augmented, uint8 [B, H, W, C] in this order, the labels, int64, and how mixup mixes them."""
    order: str
    """Of the indices of the first epoch's images, int64."""
    parameters: dict[str, str]
    """By name, shape and digest: `16x3x3x3 0a1b...`."""

    def as_dict(self) -> dict[str, Any]:
        """Return start.json."""
        return asdict(self)


def starting_point(session: "Session") -> StartingPoint:
    """Return the digests of a session that has trained no step and restored no state."""
    spec, data = session.spec, session.data
    draws = draw(len(data.train), spec.recipe, seed=spec.seed, epoch=0, margin=data.margin)
    first = draws.part(slice(spec.recipe.batch_size))
    mixes = [drawn for drawn in (first.partner, first.share) if drawn is not None]
    return StartingPoint(
        first_batch=_digest(*first_batch(data, spec.recipe, draws, session.padded), *mixes),
        order=_digest(draws.order),
        parameters=_parameters(session.model),
    )


def _parameters(model: nn.Module) -> dict[str, str]:
    return {
        name: f"{'x'.join(map(str, parameter.shape))} {_digest(parameter.detach())}"
        for name, parameter in model.named_parameters()
    }


def _digest(*tensors: Tensor) -> str:
    """Return the digest of tensors by their numbers alone, in the order of their axes wherever they lie in memory."""
    hashed = sha256()
    for tensor in tensors:
        hashed.update(tensor.cpu().contiguous().numpy().data)
    return hashed.hexdigest()[:DIGITS]
