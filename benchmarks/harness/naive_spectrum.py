"""Naive path spectrum, the reference of `path_spectrum.py`: autograd, one gradient at a time."""

from collections.abc import Callable
from itertools import chain as joined

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.inputs.chain import Chain, Residual


def naive(chain: Chain, images: Tensor, labels: Tensor) -> Tensor:
    """Return G_k, [n + 1, N, ...]: a local graph and one `autograd.grad` for each block and each length 0..n."""

    def through(block: Residual, x: Tensor, lengths: list[Tensor]) -> list[Tensor]:
        lengths = _Local(block, x).through_after(lengths)
        longer = []
        for k in range(len(chain) + 1):
            here = lengths[k] if k < len(lengths) else torch.zeros_like(lengths[0])
            before = lengths[k - 1] if 0 < k <= len(lengths) else torch.zeros_like(lengths[0])
            longer.append(_Local(block, x).back(here, before))
        return longer

    return _backwards(chain, images, labels, through)


def kept_graphs(chain: Chain, images: Tensor, labels: Tensor) -> Tensor:
    """Return the same with one graph per block and only the lengths that exist, an identity skip at no cost."""

    def through(block: Residual, x: Tensor, lengths: list[Tensor]) -> list[Tensor]:
        graph = _Local(block, x)
        lengths, count = graph.through_after(lengths), len(lengths)
        return [
            graph.back(lengths[k] if k < count else None, lengths[k - 1] if k > 0 else None) for k in range(count + 1)
        ]

    return _backwards(chain, images, labels, through)


class _Local:
    """One block's graph from its input x to its skip, branch and output."""

    def __init__(self, block: Residual, x: Tensor) -> None:
        self.x = x.detach().requires_grad_()
        with torch.enable_grad():
            h = block.before(self.x)
            self.skip, self.residual = block.skip(h), block.residual(h)
            self.sum = (self.skip + self.residual).detach().requires_grad_()
            self.y = block.after(self.sum)

    def back(self, skipped: Tensor | None, passed: Tensor | None) -> Tensor:
        """Return S^T of one gradient plus R^T of the other; None is no gradient."""
        ends = [(end, g) for end, g in ((self.skip, skipped), (self.residual, passed)) if g is not None]
        direct = [g for end, g in ends if end is self.x]
        rest = [(end, g) for end, g in ends if end is not self.x]
        total = list(direct)
        if rest:
            outputs, gradients = zip(*rest, strict=True)
            total.append(torch.autograd.grad(outputs, self.x, gradients, retain_graph=True)[0])
        return total[0] if len(total) == 1 else total[0] + total[1]

    def through_after(self, lengths: list[Tensor]) -> list[Tensor]:
        """Return the gradients at the addition."""
        if self.y is self.sum:
            return lengths
        return [torch.autograd.grad(self.y, self.sum, g, retain_graph=True)[0] for g in lengths]


def _backwards(
    chain: Chain, images: Tensor, labels: Tensor, through: Callable[[Residual, Tensor, list[Tensor]], list[Tensor]]
) -> Tensor:
    inputs = [images]
    with torch.no_grad():
        for item in chain.items[: chain.blocks[-1] + 1]:
            inputs.append(item(inputs[-1]))
    x = inputs.pop().requires_grad_()
    loss = F.cross_entropy(chain.run(x, chain.blocks[-1] + 1), labels)
    lengths = list(torch.autograd.grad(loss, x))
    for position in range(chain.blocks[-1], -1, -1):
        item, x = chain.items[position], inputs.pop()
        if position in chain.blocks:
            assert isinstance(item, Residual)
            lengths = through(item, x, lengths)
        else:
            lengths = _plain(item, x, lengths)
    return torch.stack(lengths[: len(chain) + 1])


def _plain(item: nn.Module, x: Tensor, lengths: list[Tensor]) -> list[Tensor]:
    x = x.detach().requires_grad_()
    y = item(x)
    return list(joined.from_iterable(torch.autograd.grad(y, x, g, retain_graph=True) for g in lengths))
