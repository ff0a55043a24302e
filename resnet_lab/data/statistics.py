"""Exact mean, standard deviation and digest of arrays of images."""

from hashlib import sha256
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from resnet_lab.data.raw import RawImages

CHUNK = 1000  # 1000 x 255^2 stays far below 2^32, so sums over a chunk fit uint32


def mean_and_std(pixels: NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Return mean and population standard deviation by channel, on the 0..1 scale, of uint8 [N, H, W, C].

    Sums are exact integers, so the result depends on no order of summation. A constant channel gets 1 as its
    deviation, so that dividing by it is harmless.
    """
    count = pixels[..., 0].size
    means, deviations = [], []
    for total, squares in zip(*_sums(pixels), strict=True):
        means.append(total / (255 * count))
        deviations.append(sqrt(count * squares - total**2) / (255 * count) or 1.0)
    return means, deviations


def _sums(pixels: NDArray[np.uint8]) -> tuple[list[int], list[int]]:
    """Return the sum and the sum of squares of each channel."""
    n, channels = len(pixels), pixels.shape[-1]
    rows = pixels.reshape(n, -1)
    total = np.zeros(rows.shape[1], dtype=np.uint64)
    squares = np.zeros_like(total)
    for start in range(0, n, CHUNK):
        chunk = rows[start : start + CHUNK].astype(np.uint32)
        total += chunk.sum(axis=0, dtype=np.uint32)
        chunk *= chunk
        squares += chunk.sum(axis=0, dtype=np.uint32)
    per_channel = (sums.reshape(-1, channels).sum(axis=0).tolist() for sums in (total, squares))
    return next(per_channel), next(per_channel)


def digest(parts: tuple[RawImages, ...]) -> str:
    """Return the SHA-256 (hex) of pixels, then labels, of each part in turn."""
    hashed = sha256()
    for part in parts:
        hashed.update(np.ascontiguousarray(part.pixels).data)
        hashed.update(part.labels.astype("<i8").data)
    return hashed.hexdigest()
