"""Sets of images as tensors, resident on one device."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from resnet_lab.spec import DatasetName


@dataclass(frozen=True, slots=True)
class Images:
    """`pixels` uint8 [N, H, W, C], contiguous, and `labels` int64 [N]."""

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Images":
        """Return the images on a device."""
        return Images(self.pixels.to(device), self.labels.to(device))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageData:
    """A set, split. `mean` and `std` are float32 [C] on the 0..1 scale, of the training images alone."""

    name: DatasetName
    train: Images
    val: Images
    test: Images
    mean: Tensor
    std: Tensor
    sha256: str
    """Hex digest of the pixels, then labels, of train, val and test, whichever format they came in."""
    classes: int
    bordered: dict[int, Tensor] = field(init=False, repr=False, compare=False, default_factory=dict)
    """The training images with a border, by its width: made once for all who train on them (`augment.bordered`)."""

    def to(self, device: torch.device | str) -> "ImageData":
        """Return the set on a device: itself where it lies there."""
        if torch.device(device) == self.train.pixels.device:
            return self
        parts = {name: getattr(self, name).to(device) for name in ("train", "val", "test", "mean", "std")}
        return replace(self, **parts)
