"""Errors of networks that share a prefix, which is computed once.

A lesioned network equals the whole one up to its first lesion. Networks are tuples of modules run one after the other,
compared by the identity of their modules; visited in lexicographic order, each common prefix is run once per batch.
The modules see the same tensors as in a full pass, so the numbers are those of a full pass, bit for bit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from analysis.inputs.progress_bar import Advance
from analysis.stats.intervals import Interval, wilson
from resnet_lab.engine.precision import autocast
from resnet_lab.errors import UserError

Network = tuple[nn.Module, ...]
Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Wrong predictions and images of one network, by class."""

    wrong: tuple[int, ...]
    images: tuple[int, ...]

    @property
    def error(self) -> float:
        """Error in per cent."""
        return 100 * sum(self.wrong) / sum(self.images)

    def interval(self, label: int | None = None) -> Interval:
        """Return the error in per cent with its 95 % Wilson interval, of all images or of those of one class."""
        part = slice(None) if label is None else slice(label, label + 1)
        share = wilson(sum(self.wrong[part]), sum(self.images[part]))
        return Interval(100 * share.mean, 100 * share.low, 100 * share.high)


@torch.inference_mode()
def evaluate(
    networks: Sequence[Network],
    batches: Batches,
    *,
    dtype: torch.dtype = torch.float32,
    advance: Advance = lambda: None,
) -> list[Outcome]:
    """Return the outcome of each network on batches of (x [N, C, H, W], y int64 [N]).

    `advance` is called after each network of each batch. Raises UserError where there are no images, or labels that the
    networks have no class for.
    """
    tally: Tensor | None = None
    for x, y in batches:
        for index, logits in logits_of(networks, x, dtype=dtype):
            if tally is None:
                tally = torch.zeros(len(networks) + 1, logits.shape[1], dtype=torch.int64, device=x.device)
            tally[index] += _count(y[logits.argmax(1) != y], logits.shape[1])
            advance()
        if tally is not None:
            tally[-1] += _count(y, tally.shape[1])
    if tally is None:
        raise UserError("there are no images to evaluate on: give a loader that yields batches of (images, labels)")
    *wrong, images = tally.tolist()
    return [Outcome(tuple(row), tuple(images)) for row in wrong]


def logits_of(
    networks: Sequence[Network], x: Tensor, *, dtype: torch.dtype = torch.float32, reuse: bool = True
) -> Iterator[tuple[int, Tensor]]:
    """Yield (index, float32 logits [N, classes]) of each network for x [N, C, H, W], in the order of the visits.

    Without `reuse` every network runs from its first module on.
    """
    order, shared = _plan(networks) if reuse else (list(range(len(networks))), [0] * len(networks))
    inputs: dict[int, Tensor] = {0: x}
    branch_points = frozenset(shared)
    for index, start in zip(order, shared, strict=True):
        with torch.inference_mode(), autocast(x.device, dtype):
            logits = _run(networks[index], start, inputs, branch_points).float()
        yield index, logits


def _count(y: Tensor, classes: int) -> Tensor:
    counts = torch.bincount(y, minlength=classes)
    if len(counts) > classes:
        raise UserError(
            f"the images have a label {len(counts) - 1}, but the network has {classes} classes: give images of "
            "its own data set"
        )
    return counts


def _run(network: Network, start: int, inputs: dict[int, Tensor], branch_points: frozenset[int]) -> Tensor:
    """Run the modules from position `start` on and keep the inputs of those positions where others will go on."""
    x = inputs[start]
    for position in range(start, len(network)):
        x = network[position](x)
        if position + 1 in branch_points:
            inputs[position + 1] = x
    return x


def _plan(networks: Sequence[Network]) -> tuple[list[int], list[int]]:
    """Return the order of visits, and for each visit how many modules it has in common with the one before.

    What was kept at a position belongs to the network visited last: in lexicographic order that is all that is needed.
    """
    numbers: dict[int, int] = {}
    keys = [[numbers.setdefault(id(module), len(numbers)) for module in network] for network in networks]
    order = sorted(range(len(networks)), key=keys.__getitem__)
    shared = [0, *(_common(keys[a], keys[b]) for a, b in pairwise(order))]
    return order, shared[: len(order)]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    pairs = enumerate(zip(one, other, strict=True))
    return next((position for position, (a, b) in pairs if a != b), len(one))
