"""Gradients of single paths, sampled as Veit et al. 2016 do (section 4.2).

The batch goes through the whole net; on the way back the gradient passes only the branch of the k blocks drawn and only
the skip of the others. The forward values, and with them every mask, are those of the whole net.
"""

import math
from dataclasses import dataclass
from itertools import accumulate, combinations
from math import comb
from statistics import fmean, stdev
from typing import Literal

import torch
from torch import Tensor

from analysis.inputs.progress_bar import Advance
from analysis.paths.recording import Block, Recording, require_finite
from analysis.paths.spectrum import chunks
from analysis.paths.thread_pool import Workers, workers
from analysis.paths.vjp import VJP, IdentityVJP
from analysis.stats.bootstrap import LEAST, bootstrap_t
from analysis.stats.intervals import t_factor
from resnet_lab.rng import stream

Limits = Literal["t", "bootstrap"]
ROWS = 2**25
"""Numbers that all paths of one pass hold at a block, 256 MB in float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathNorm:
    """Mean gradient norm of the paths of one length; `deviation` is 0 where all of them were taken."""

    length: int
    mean: float
    deviation: float
    draws: int
    bootstrap: tuple[float, float] | None = None
    """The bootstrap-t limits of the mean, where those were asked for and there is something to estimate."""

    @property
    def error(self) -> float:
        """Standard error of the mean; infinite with a single draw among several paths."""
        return self.deviation / math.sqrt(self.draws)

    @property
    def half_width(self) -> float:
        """Half of the 95 % Student-t interval of the mean."""
        if self.deviation == 0:
            return 0.0
        return self.deviation * t_factor(self.draws) if self.draws > 1 else math.inf


def draw_paths(blocks: int, length: int, draws: int, seed: int) -> Tensor:
    """Return which blocks each path takes, bool [paths, blocks]: all C(n, k) where they are no more than `draws`.

    A pure function of its arguments; paths are drawn independently, so one may come twice.
    """
    if comb(blocks, length) <= draws:
        chosen = torch.zeros(comb(blocks, length), blocks, dtype=torch.bool)
        for row, taken in enumerate(combinations(range(blocks), length)):
            chosen[row, list(taken)] = True
        return chosen
    order = torch.rand(draws, blocks, generator=stream(seed, "paths", blocks, length)).argsort(1)
    return order.argsort(1) < length


def sample(
    recording: Recording, draws: int, seed: int, advance: Advance = lambda: None, *, limits: Limits = "t"
) -> list[PathNorm]:
    """Return the mean norm of single paths of each length 0..n, over the whole batch, from up to `draws` paths each.

    `limits` "bootstrap" adds bootstrap-t limits where LEAST paths or more were drawn, and not all there are.
    `advance` is called after each pass over some of the paths; there are `passes` of them.
    """
    paths = [draw_paths(recording.blocks, length, draws, seed) for length in range(recording.blocks + 1)]
    norms = path_norms(recording, torch.cat(paths), advance).tolist()
    ends = list(accumulate(map(len, paths)))
    parts = (norms[end - len(part) : end] for part, end in zip(paths, ends, strict=True))
    return [_summary(recording.blocks, length, part, limits) for length, part in enumerate(parts)]


def path_norms(recording: Recording, chosen: Tensor, advance: Advance = lambda: None) -> Tensor:
    """Return the gradient norm of each path, [paths], given the blocks it takes, bool [paths, blocks]."""
    norms = []
    rows = _rows(recording)
    for low in range(0, len(chosen), rows):
        gradients = require_finite(_back(recording, chosen[low : low + rows]))
        norms.append(torch.linalg.vector_norm(gradients.flatten(1), dim=1))
        advance()
    return torch.cat(norms)


def passes(recording: Recording, draws: int) -> int:
    """Return how often `sample` goes back through the network."""
    paths = sum(min(draws, comb(recording.blocks, length)) for length in range(recording.blocks + 1))
    return -(-paths // _rows(recording))


def _rows(recording: Recording) -> int:
    return max(1, ROWS // max(recording.head.numel() * 4, recording.shape.numel()))


def _back(recording: Recording, chosen: Tensor) -> Tensor:
    """Return the gradient of each path, [paths, N, ...]."""
    g = recording.head.repeat(len(chosen), *[1] * recording.head.ndim)
    every, block = torch.arange(len(chosen), device=g.device), recording.blocks
    with workers(g.device) as pool:
        for link in recording.backwards():
            if not isinstance(link, Block):
                g = _apply_to_rows([(link, every)], g, pool)
                continue
            block -= 1
            taken = chosen[:, block].to(g.device)
            g = _apply_to_rows([(link.after, every)], g, pool)
            g = _apply_to_rows([(link.residual, every[taken]), (link.skip, every[~taken])], g, pool)
            g = _apply_to_rows([(link.before, every)], g, pool)
    return g


def _apply_to_rows(parts: list[tuple[VJP, Tensor]], g: Tensor, pool: Workers) -> Tensor:
    """Send the rows of each index through its VJP; the indices share out all rows of g, which is overwritten."""
    out: Tensor | None = None
    for vjp, index in parts:
        if isinstance(vjp, IdentityVJP):  # keeps the shape, so the other part does as well and writes into g
            continue
        slices = [index[low:high] for low, high in chunks(len(index), g[0].numel())]
        for rows, part in pool.map_in_batches(lambda rows, vjp=vjp: vjp(g[rows]), slices):  # type: ignore[misc]  # a default binds `vjp`
            if out is None:
                out = g if part.shape[1:] == g.shape[1:] else part.new_empty(len(g), *part.shape[1:])
            out[rows] = part
    return g if out is None else out


def _summary(blocks: int, length: int, norms: list[float], limits: Limits) -> PathNorm:
    sampled = len(norms) < comb(blocks, length)  # where every path was taken there is nothing to estimate
    deviation = (stdev(norms) if len(norms) > 1 else math.inf) if sampled else 0.0
    bootstrap = None
    if limits == "bootstrap" and sampled and len(norms) >= LEAST:
        interval = bootstrap_t(norms)
        bootstrap = (interval.low, interval.high)
    return PathNorm(length=length, mean=fmean(norms), deviation=deviation, draws=len(norms), bootstrap=bootstrap)
