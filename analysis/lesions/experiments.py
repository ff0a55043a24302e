"""The lesion experiments: the networks that each asks for. Nothing here runs one."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import nn

from analysis.inputs.chain import Chain
from analysis.lesions.choices import Experiment
from analysis.lesions.reorder import Shapes, groups, kendall_tau, reordered, swaps
from analysis.lesions.shared_prefix import Network
from resnet_lab.errors import UserError
from resnet_lab.rng import stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One network to evaluate. `block` is a number, the deleted blocks, or the order after a reordering."""

    experiment: str
    mode: str
    network: Network
    block: int | tuple[int, ...] | None = None
    k: int = 0
    draw: int | None = None
    tau: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSet:
    """A chain, the blocks that may be touched, and the input and output shape of every block."""

    chain: Chain
    blocks: tuple[int, ...]
    shapes: Shapes

    @classmethod
    def of(cls, chain: Chain, blocks: Sequence[int] | None = None) -> "BlockSet":
        """Return the chain with some of its blocks, or all. Raises UserError for a block that does not exist."""
        chosen = tuple(range(len(chain))) if blocks is None else tuple(sorted(set(blocks)))
        for block in chosen:
            chain.block(block)
        return cls(chain=chain, blocks=chosen, shapes=chain.shapes())

    @property
    def base(self) -> Case:
        return Case(experiment="base", mode="none", network=self.chain.items)

    @property
    def movable(self) -> tuple[int, ...]:
        """The blocks that may be touched and keep their input's shape."""
        return tuple(block for block in self.blocks if not self.changes_shape(block))

    def changes_shape(self, block: int) -> bool:
        """Return whether a block downsamples or widens."""
        before, after = self.shapes[block]
        return before != after


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesions:
    """What stands in for each block under one lesion; None where it cannot be applied."""

    mode: str
    modules: Sequence[nn.Module | None]

    def network(self, chain: Chain, blocks: Sequence[int]) -> Network:
        """Return the chain's modules with some blocks replaced."""
        items = list(chain.items)
        for block in blocks:
            stand_in = self.modules[block]
            items[chain.blocks[block]] = items[chain.blocks[block]] if stand_in is None else stand_in
        return tuple(items)

    def case(self, experiment: str, chain: Chain, blocks: Sequence[int], draw: int | None = None) -> Case:
        """Return the case of a set of blocks."""
        network, block = self.network(chain, blocks), tuple(blocks)
        return Case(experiment=experiment, mode=self.mode, network=network, block=block, k=len(block), draw=draw)


def single(block_set: BlockSet, lesions: Lesions, experiment: str = Experiment.SINGLE) -> Iterator[Case]:
    """Yield each block lesioned alone, where the lesion is possible."""
    for block in block_set.blocks:
        if lesions.modules[block] is not None:
            network = lesions.network(block_set.chain, [block])
            yield Case(experiment=experiment, mode=lesions.mode, network=network, block=block, k=1)


def pairs(block_set: BlockSet, lesions: Lesions) -> Iterator[Case]:
    """Yield each pair of blocks lesioned together."""
    usable = [block for block in block_set.blocks if lesions.modules[block] is not None]
    for pair in combinations(usable, 2):
        yield lesions.case(Experiment.PAIRS, block_set.chain, pair)


def runs(block_set: BlockSet, lesions: Lesions, experiment: Experiment, candidates: Sequence[int]) -> Iterator[Case]:
    """Yield the first (prefix) or last (suffix) k candidates lesioned, k = 1..n."""
    for k in range(1, len(candidates) + 1):
        part = candidates[:k] if experiment == Experiment.PREFIX else candidates[-k:]
        yield lesions.case(experiment, block_set.chain, part)


def multiple(
    block_set: BlockSet, lesions: Lesions, candidates: Sequence[int], k: int, draws: int, *, seed: int
) -> list[Case]:
    """Return draws of k random candidates lesioned together, or every set once where there are no more than `draws`.

    Draw d of k is a pure function of (seed, k, d) and the candidates.
    """
    if math.comb(len(candidates), k) <= draws:
        sets = list(combinations(candidates, k))
    else:
        sets = [_draw(candidates, k, seed, draw) for draw in range(draws)]
    return [lesions.case(Experiment.MULTIPLE, block_set.chain, blocks, draw) for draw, blocks in enumerate(sets)]


def _draw(candidates: Sequence[int], k: int, seed: int, draw: int) -> tuple[int, ...]:
    order = torch.randperm(len(candidates), generator=stream(seed, "deletion", k, draw))
    return tuple(sorted(candidates[index] for index in order[:k].tolist()))


def reorder(block_set: BlockSet, k: int, draws: int, *, seed: int) -> list[Case]:
    """Return draws of k random swaps among the movable blocks. Raises UserError where no two are of one shape."""
    places = groups(block_set.shapes, block_set.movable)
    if not places:
        raise UserError("reorder swaps blocks of equal shape, and no two are: take a deeper network, or more --blocks")
    orders = [swaps(len(block_set.chain), places, k, seed=seed, draw=draw) for draw in range(draws)]
    return [
        Case(
            experiment=Experiment.REORDER,
            mode="swap",
            network=reordered(block_set.chain, order),
            block=order,
            k=k,
            draw=draw,
            tau=kendall_tau(order),
        )
        for draw, order in enumerate(orders)
    ]


def interactions(
    errors: Mapping[tuple[int, ...], float], base: float, pairs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], float]:
    """Return e_ij - e_i - e_j + e_0 of each pair, in points: above 0 where two lesions harm more than their sum."""
    return {(i, j): errors[i, j] - errors[(i,)] - errors[(j,)] + base for i, j in pairs}
