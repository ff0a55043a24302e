"""Blocks in another order (Veit et al. 2016, section 4.3): random swaps among blocks of equal shape."""

from collections.abc import Sequence

import torch

from analysis.inputs.chain import Chain
from analysis.lesions.shared_prefix import Network
from resnet_lab.rng import stream

Shapes = Sequence[tuple[torch.Size, torch.Size]]


def groups(shapes: Shapes, allowed: Sequence[int]) -> list[list[int]]:
    """Return the blocks that may change places: same input and output shape, nothing else in between them to adapt.

    `shapes` are (input, output) of each block; those that change the shape belong to no group.
    """
    by_shape: dict[torch.Size, list[int]] = {}
    for block in allowed:
        before, after = shapes[block]
        if before == after:
            by_shape.setdefault(before, []).append(block)
    return [group for group in by_shape.values() if len(group) > 1]


def swaps(n: int, places: Sequence[Sequence[int]], k: int, *, seed: int, draw: int) -> tuple[int, ...]:
    """Return an order of n blocks after k random swaps: place i holds block `order[i]`.

    Each swap draws one of all pairs within the groups, each equally likely; a later one may undo an earlier.
    """
    pairs = [(a, b) for group in places for index, a in enumerate(group) for b in group[index + 1 :]]
    chosen = torch.randint(len(pairs), (k,), generator=stream(seed, "reorder", k, draw)).tolist()
    order = list(range(n))
    for a, b in (pairs[index] for index in chosen):
        order[a], order[b] = order[b], order[a]
    return tuple(order)


def kendall_tau(order: Sequence[int]) -> float:
    """Return Kendall's rank correlation of an order with the original one: 1 where it is the same, -1 reversed."""
    from scipy.stats import kendalltau

    return float(kendalltau(range(len(order)), order).statistic)


def reordered(chain: Chain, order: Sequence[int]) -> Network:
    """Return the chain's modules with its blocks in another order."""
    items = list(chain.items)
    for place, block in enumerate(order):
        items[chain.blocks[place]] = chain.items[chain.blocks[block]]
    return tuple(items)
