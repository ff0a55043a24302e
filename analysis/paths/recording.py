"""One forward pass of a chain, kept as the way back: the head's gradient and the VJP of every part below it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from analysis.inputs.chain import Chain, Residual
from analysis.paths.vjp import VJP
from analysis.paths.vjp_rules import record, record_function, record_residual, record_skip
from resnet_lab.errors import UserError

At = Literal["image", "stem"]
Statistics = Literal["eval", "train"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The vjps of one residual block, `after(skip(h) + residual(h))` with `h = before(x)`."""

    before: VJP
    skip: VJP
    residual: VJP
    after: VJP

    def release(self) -> None:
        for vjp in (self.before, self.skip, self.residual, self.after):
            vjp.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """`head` [N, C, H, W] is the loss's gradient at the last block's output; `links` lead from there to `shape`.

    `links` are in the order of the forward pass. The loss is the mean cross-entropy, as in training.
    """

    head: Tensor
    links: tuple[Block | VJP, ...]
    shape: torch.Size

    @property
    def blocks(self) -> int:
        return sum(isinstance(link, Block) for link in self.links)

    def backwards(self) -> Iterator[Block | VJP]:
        """Yield the links from last to first; what each had to build is released when the next is asked for."""
        for link in reversed(self.links):
            yield link
            link.release()


def prepare(chain: Chain, bn: Statistics, dtype: torch.dtype = torch.float64) -> None:
    """Set a chain's dtype, and its batch norms to running or to batch statistics; all else stays in eval mode."""
    for item in chain.items:
        # Double convolutions know the usual layout only.
        item.to(dtype).to(memory_format=torch.contiguous_format)
        item.requires_grad_(False)
        for module in item.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.train(bn == "train")


def record_chain(chain: Chain, images: Tensor, labels: Tensor, at: At = "image") -> Recording:
    """Run images [N, C, H, W] through a prepared chain once. Raises UserError where the loss's gradient is not finite.

    `at` says where gradients end: at the (normalised) image, or at the input of the first block.
    """
    links: list[Block | VJP] = []
    x, first = images, chain.blocks[0]
    shape = images.shape
    for position, item in enumerate(chain.items[: chain.blocks[-1] + 1]):
        if position == first and at == "stem":
            links, shape = [], x.shape
        link: Block | VJP
        if position in chain.blocks:
            assert isinstance(item, Residual)
            x, link = _record_block(item, x)
        else:
            x, link = record(item, x)
        links.append(link)
    return Recording(head=_head_gradient(chain, x, labels), links=tuple(links), shape=shape)


def full_gradient(chain: Chain, images: Tensor, labels: Tensor, at: At = "image") -> Tensor:
    """Return the loss's whole gradient where paths end, from one plain backward pass.

    Each part's graph is built again on the way back: those of 110 layers at once would take 2 GB.
    """
    start = chain.blocks[0] if at == "stem" else 0
    with torch.no_grad():
        x = images
        for item in chain.items[:start]:
            x = item(x)
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        y = x
        for item in chain.items[start:]:
            y = checkpoint(item, y, use_reentrant=False, preserve_rng_state=False)
        loss = F.cross_entropy(y, labels)
        (gradient,) = torch.autograd.grad(loss, x)
    return require_finite(gradient)


def require_finite(gradient: Tensor) -> Tensor:
    """Return the gradient. Raises UserError where a number of it is infinite or none."""
    if not gradient.isfinite().all():
        raise UserError("the network's gradient is not finite, so it has diverged: give a checkpoint that classifies")
    return gradient


def _record_block(block: Residual, x: Tensor) -> tuple[Tensor, Block]:
    h, before = record_function(block.before, x)
    s, skip = record_skip(block, h)
    r, residual = record_residual(block, h)
    y, after = record_function(block.after, s + r)
    return y, Block(before=before, skip=skip, residual=residual, after=after)


def _head_gradient(chain: Chain, x: Tensor, labels: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        loss = F.cross_entropy(chain.run(x, chain.blocks[-1] + 1), labels)
    (gradient,) = torch.autograd.grad(loss, x)
    return require_finite(gradient)
