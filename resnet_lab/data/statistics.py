"""Exact mean, standard deviation and digest of arrays of images, and what each way to normalise subtracts."""

from collections.abc import Mapping
from hashlib import sha256
from math import sqrt
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from resnet_lab.data.raw import RawImages
from resnet_lab.spec import DatasetName, NormaliseKind
from resnet_lab.spec.choices import PHOTOGRAPHS

CHUNK = 1000  # images: 1000 x 255^2 stays far below 2^32, so sums over a chunk fit uint32
NUMBERS = 2**22  # at most, of large images, so that a chunk's 32-bit copy takes little memory


def normalisation(
    pixels: NDArray[np.uint8], how: NormaliseKind, name: DatasetName
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what is subtracted from images on the 0..1 scale and what they are then divided by.

    The first is [C], or [H, W, C] by pixel, the second [C]: by channel, or by pixel that of all pixels and channels
    (as in the code of Huang et al. 2016, cifar-dataset.lua). uint8 [N, H, W, C] are the training images of set `name`.
    """
    channels = pixels.shape[-1]
    match how:
        case NormaliseKind.CHANNEL:
            mean, std = mean_and_std(pixels)
            return np.array(mean), np.array(std)
        case NormaliseKind.PER_PIXEL:
            total, squares = _pixel_sums(pixels)
            spread = _deviation(int(total.sum()), int(squares.sum()), pixels.size)
            return (total / (255 * len(pixels))).reshape(pixels.shape[1:]), np.full(channels, spread)
        case NormaliseKind.NONE:
            return np.zeros(channels), np.ones(channels)
        case NormaliseKind.FIXED:
            return fixed_constants(name, channels)
    assert_never(how)


# Written down by many, measured on all training images: PyTorch's MNIST example; its ImageNet example for photographs.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_FIXED: Mapping[DatasetName, tuple[tuple[float, ...], tuple[float, ...]]] = {
    DatasetName.MNIST: ((0.1307,), (0.3081,)),
    DatasetName.FASHION_MNIST: ((0.2860,), (0.3530,)),
    DatasetName.CIFAR10: ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    DatasetName.CIFAR100: ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    **dict.fromkeys(PHOTOGRAPHS, _IMAGENET),
}


def fixed_constants(name: DatasetName, channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the customary mean and deviation [C]; those of a grey set for each of the channels."""
    mean, std = (np.resize(np.array(each), channels) for each in _FIXED[name])
    return mean, std


def mean_and_std(pixels: NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Return mean and population standard deviation by channel, on the 0..1 scale, of uint8 [N, H, W, C].

    Sums are exact integers, so the result depends on no order of summation. A constant channel gets 1 as its
    deviation, so that dividing by it is harmless.
    """
    count = pixels[..., 0].size
    means, deviations = [], []
    for total, squares in zip(*_sums(pixels), strict=True):
        means.append(total / (255 * count))
        deviations.append(_deviation(total, squares, count))
    return means, deviations


def _deviation(total: int, squares: int, count: int) -> float:
    return sqrt(count * squares - total**2) / (255 * count) or 1.0


def _sums(pixels: NDArray[np.uint8]) -> tuple[list[int], list[int]]:
    """Return the sum and the sum of squares of each channel."""
    parts = (sums.reshape(-1, pixels.shape[-1]).sum(axis=0).tolist() for sums in _pixel_sums(pixels))
    return next(parts), next(parts)


def _pixel_sums(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the sum and the sum of squares over the images, [H W C]."""
    n = len(pixels)
    rows = pixels.reshape(n, -1)
    total = np.zeros(rows.shape[1], dtype=np.uint64)
    squares = np.zeros_like(total)
    step = max(1, min(CHUNK, NUMBERS // rows.shape[1]))
    for start in range(0, n, step):
        chunk = rows[start : start + step].astype(np.uint32)
        total += chunk.sum(axis=0, dtype=np.uint32)
        chunk *= chunk
        squares += chunk.sum(axis=0, dtype=np.uint32)
    return total, squares


def digest(parts: tuple[RawImages, ...]) -> str:
    """Return the SHA-256 (hex) of pixels, then labels, of each part in turn."""
    hashed = sha256()
    for part in parts:
        hashed.update(np.ascontiguousarray(part.pixels).data)
        hashed.update(part.labels.astype("<i8").data)
    return hashed.hexdigest()
