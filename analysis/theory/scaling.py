"""Scaled residual branches, y = x + s F(x): growth of the signal and weight of the paths (Szegedy et al. 2016).

Inception-ResNet scales its branches by 0.1 to 0.3 because wide residual nets without it `die` early in training: the
last layer before the pooling gives nothing but zeros (arXiv 1602.07261, section 3.3). As a switch it is
`model.block.shortcut=constant_scaling model.block.shortcut_scale=1 model.block.branch_scale=0.1`.
"""

import math

from resnet_lab.errors import UserError

LEAST, MOST = 0.1, 0.3
"""Scales of the paper, section 3.3."""


def variance_growth(blocks: int, scale: float = 1.0) -> float:
    """Return (1 + s^2)^L: the variance after L blocks over that before, at initialisation and without final norms.

    Each branch is taken to keep the variance of its input and to be uncorrelated with it. Unscaled it doubles at every
    block (Zhang et al. 2019, arXiv 1901.09321, section 2). Raises UserError for no blocks, or a scale that is not
    above 0.
    """
    _check(blocks, scale)
    return float((1 + scale**2) ** blocks)


def length_shares(blocks: int, scale: float = 1.0) -> list[float]:
    """Return what share of all paths' weight those of each length have, from 0 to L branches passed: C(L, k) s^k.

    In the unravelled view each branch that a path passes multiplies it by s; the weights sum to (1 + s)^L, and unscaled
    they are the binomial distribution of path lengths. Raises UserError as `variance_growth` does.
    """
    _check(blocks, scale)
    branch = scale / (1 + scale)  # of the weight that meets a block, what passes its branch
    return [math.comb(blocks, k) * branch**k * (1 - branch) ** (blocks - k) for k in range(blocks + 1)]


def mean_length(blocks: int, scale: float = 1.0) -> float:
    """Return L s / (1 + s): the mean length of paths by their weight; unscaled it is L/2. Raises UserError."""
    _check(blocks, scale)
    return blocks * scale / (1 + scale)


def _check(blocks: int, scale: float) -> None:
    if blocks < 1:
        raise UserError(f"blocks {blocks}: a residual network has at least 1")
    if not 0 < scale < float("inf"):
        raise UserError(f"scale {scale}: it must be above 0 and finite")
