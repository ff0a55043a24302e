"""Mixup (Zhang et al. 2018, arXiv 1710.09412): images and labels of a mini-batch mixed with one another."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_lab.rng import stream


def draw_mixes(n: int, *, batch: int, alpha: float, seed: int, epoch: int) -> tuple[Tensor, Tensor]:
    """Draw, for each of `n` images in their order, its partner's place in the mini-batch and its own share.

    Partners int64 [n] are a permutation of each mini-batch, shares float32 [n] one number from Beta(alpha, alpha) for
    each, as in the authors' code. Images after the last whole mini-batch, which no step reads, mix with themselves.
    """
    generator = stream(seed, "augmentation", epoch, "mixup")
    steps = n // batch
    shares = np.random.default_rng(generator.initial_seed() % 2**64).beta(alpha, alpha, steps)
    partner, share = torch.arange(n) % batch, torch.ones(n)
    for step in range(steps):
        here = slice(step * batch, (step + 1) * batch)
        partner[here] = torch.randperm(batch, generator=generator)
        share[here] = float(shares[step])
    return partner, share


def mix(x: Tensor, y: Tensor, partner: Tensor, share: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return `share` of each image and the rest of its partner, [B, C, H, W] in channels_last, and labels alike.

    y is int64 [B]; the labels are the share of each class, float32 [B, classes]: the cross-entropy with them is the
    mean of the cross-entropies with both labels, in the same shares.
    """
    mixed = torch.lerp(x[partner], x, share.to(x.dtype)[:, None, None, None])
    labels = F.one_hot(y, classes).float()
    labels = torch.lerp(labels[partner], labels, share[:, None])
    return mixed.contiguous(memory_format=torch.channels_last), labels
