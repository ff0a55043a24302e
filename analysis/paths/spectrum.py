"""The exact path spectrum: one gradient for each path length, the sum over all C(n, k) paths of that length.

Backpropagation is linear, so with S and R the Jacobians of a block's skip and branch, and G_k the gradient that came
through k branches so far, one step is G'_k = S^T G_k + R^T G_(k-1): n(n+1)/2 products in all for 2^n paths.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from analysis.inputs.chain import Chain
from analysis.inputs.progress_bar import Advance
from analysis.paths.recording import At, Block, Recording, full_gradient, record_chain, require_finite
from analysis.paths.thread_pool import Workers, workers
from analysis.paths.vjp import VJP, IdentityVJP
from resnet_lab.errors import UserError

CHUNK = 2**20
"""Numbers that go through one part at once, 8 MB in float64: more gains no speed on a CPU, and costs memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """`norms[k]` is ||G_k|| over the whole batch, `gradient` is ||G||, both of the loss at the place asked for.

    `residual` is ||sum_k G_k - G|| / ||G|| with G from one plain backward pass: 0 but for rounding.
    """

    norms: tuple[float, ...]
    gradient: float
    residual: float

    @property
    def ratios(self) -> tuple[float, ...]:
        """||G_k|| / ||G||."""
        return tuple(norm / self.gradient for norm in self.norms)


def exact_spectrum(
    chain: Chain, images: Tensor, labels: Tensor, at: At = "image", advance: Advance = lambda: None
) -> tuple[Spectrum, Recording]:
    """Return the spectrum of a prepared chain on images [N, C, H, W], and the recording it was read from.

    Raises UserError where a gradient is not finite, or is zero.
    """
    recording = record_chain(chain, images, labels, at)
    lengths = by_length(recording, advance)
    norms = torch.linalg.vector_norm(require_finite(lengths).flatten(1), dim=1).tolist()
    total = lengths.sum(0)
    del lengths  # the plain pass needs the memory
    plain = full_gradient(chain, images, labels, at)
    gradient = float(torch.linalg.vector_norm(plain))
    if gradient == 0:
        raise UserError("the network's gradient is zero, so no path carries any: give more --images or another net")
    residual = float(torch.linalg.vector_norm(total - plain)) / gradient
    return Spectrum(norms=tuple(norms), gradient=gradient, residual=residual), recording


def by_length(recording: Recording, advance: Advance = lambda: None) -> Tensor:
    """Return G_k for k = 0..n, [n + 1, N, ...]; `advance` is called after each block."""
    g = recording.head.new_empty(recording.blocks + 1, *recording.head.shape)
    g[0] = recording.head
    used = 1
    with workers(g.device) as pool:
        for link in recording.backwards():
            if isinstance(link, Block):
                g = _through(link, g, used, pool)
                used += 1
                advance()
            else:
                g = _apply(link, g, used, pool)
    return g


def _through(block: Block, g: Tensor, used: int, pool: Workers) -> Tensor:
    """Take one block: lengths 0..used-1 of g are set, and 0..used of what is returned. g is overwritten."""
    g = _apply(block.after, g, used, pool)
    skipped = _apply(block.skip, g, used, pool, keep=True)
    skipped[used] = 0
    # From the longest down, as `skipped` may be g: length k is read before k - 1 is added to it.
    downwards = chunks(used, g[0].numel())[::-1]
    for (low, high), part in pool.map_in_batches(lambda bounds: block.residual(g[slice(*bounds)]), downwards):
        skipped[low + 1 : high + 1] += part
    return _apply(block.before, skipped, used + 1, pool)


def _apply(vjp: VJP, g: Tensor, used: int, pool: Workers, *, keep: bool = False) -> Tensor:
    """Return the VJP of the first `used` lengths; in place where shapes allow it, unless g is to be kept."""
    if isinstance(vjp, IdentityVJP):
        return g
    out: Tensor | None = None
    for (low, high), part in pool.map_in_batches(lambda bounds: vjp(g[slice(*bounds)]), chunks(used, g[0].numel())):
        if out is None:
            out = g if part.shape[1:] == g.shape[1:] and not keep else part.new_empty(len(g), *part.shape[1:])
        out[low:high] = part
    assert out is not None
    return out


def chunks(count: int, numbers: int) -> list[tuple[int, int]]:
    """Return the bounds of slices of `count` rows, each of at most CHUNK numbers where a row has so few."""
    step = max(1, CHUNK // max(numbers, 1))
    return [(low, min(low + step, count)) for low in range(0, count, step)]
