"""Images as batches that can be iterated over again."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from resnet_lab.data.augment import normalise
from resnet_lab.data.images import ImageData, Images

CPU_BATCH, GPU_BATCH = 250, 1000
"""On a CPU a quarter of a thousand keeps the activations of one block near the cache, and the kept ones in memory."""


@dataclass(frozen=True, slots=True)
class ImageBatches:
    """The original view of each image, normalised: batches of x [B, C, H, W], channels_last, and y int64 [B]."""

    images: Images
    data: ImageData
    dtype: torch.dtype = torch.float32
    batch: int = CPU_BATCH

    @classmethod
    def of(cls, data: ImageData, images: Images, count: int = 0, dtype: torch.dtype = torch.float32) -> "ImageBatches":
        """Return the first `count` images of a part of the data; 0 means all."""
        part = Images(images.pixels[:count], images.labels[:count]) if count else images
        batch = GPU_BATCH if images.pixels.device.type == "cuda" else CPU_BATCH
        return cls(part, data, dtype, batch)

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.images), self.batch):
            part = slice(start, start + self.batch)
            pixels = self.data.view(self.images.pixels[part])
            yield normalise(pixels, self.data.mean, self.data.std, self.dtype), self.images.labels[part]
