"""Batch-norm statistics estimated again, for a network that is not at test what gathered them (precise BN)."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from resnet_lab.data.augment import normalise
from resnet_lab.data.images import ImageData
from resnet_lab.engine.precision import autocast

IMAGES = 5_000
"""Training images at most: Wu and Johnson 2021 (arXiv 2105.07576), section 3, find 1,000 to 10,000 enough."""


@torch.no_grad()
def estimate_norms(network: Sequence[nn.Module], batches: Iterable[Tensor], dtype: torch.dtype) -> None:
    """Give each BatchNorm of modules in a row the plain mean of its statistics over batches of x [N, C, H, W].

    The modules are in eval mode and stay so; a norm's momentum is as before.
    """
    norms = list(_norms(network))
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the cumulative mean
        norm.train()
    for x in batches:
        with autocast(x.device, dtype):
            for module in network:
                x = module(x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def estimate_on_images(model: nn.Module, data: ImageData, *, batch: int, dtype: torch.dtype) -> None:
    """Estimate a network's statistics as it is at test, in place, on the original view of its first training images.

    Batches are as large as in training and all of one size; the network's mode is restored afterwards.
    """
    training = model.training
    model.eval()
    estimate_norms([model], _images(data, batch, dtype), dtype)
    model.train(training)


def _images(data: ImageData, batch: int, dtype: torch.dtype) -> Iterator[Tensor]:
    count = min(len(data.train), max(IMAGES, batch))
    for start in range(0, count - batch + 1, batch):
        yield normalise(data.view(data.train.pixels[start : start + batch]), data.mean, data.std, dtype)


def _norms(network: Iterable[nn.Module]) -> Iterable[nn.BatchNorm2d]:
    """Return each norm once: a duplicated block holds the same ones twice."""
    norms = (m for module in network for m in module.modules() if isinstance(m, nn.BatchNorm2d))
    return {id(norm): norm for norm in norms if norm.track_running_stats}.values()
