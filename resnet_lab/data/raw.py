"""Images as the files hold them, before they are split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RawImages:
    """One part of a set: `pixels` uint8 [N, H, W, C] and `labels` int64 [N]."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


def interleave(planes: NDArray[np.uint8], size: int = 32) -> NDArray[np.uint8]:
    """Turn planes [N, C x size x size] (all red, then all green, ...) into pixels [N, size, size, C]."""
    planes = planes.reshape(len(planes), -1, size * size)
    pixels = np.empty((len(planes), size * size, planes.shape[1]), dtype=np.uint8)
    for channel in range(planes.shape[1]):  # four times as fast as one transposed copy
        pixels[..., channel] = planes[:, channel]
    return pixels.reshape(len(planes), size, size, -1)
