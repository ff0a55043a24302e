"""Sets of images as tensors, resident on one device."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from resnet_lab.data.statistics import normalisation
from resnet_lab.spec import DatasetName, NormaliseKind


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
    """A set, split. Images on the 0..1 scale become (x - mean) / std, measured on the training images alone.

    `std` is float32 [C] and `mean` [C], or [H, W, C] where each pixel has its own.
    """

    name: DatasetName
    train: Images
    val: Images
    test: Images
    mean: Tensor
    std: Tensor
    sha256: str
    """Hex digest of the pixels, then labels, of train, val and test, whichever format they came in."""
    classes: int
    normalise: NormaliseKind | None = NormaliseKind.CHANNEL
    """How `mean` and `std` were measured; None where they are not these images' own."""
    bordered: dict[int, Tensor] = field(init=False, repr=False, compare=False, default_factory=dict)
    """The training images with a border, by its width: made once for all who train on them (`augment.bordered`)."""

    @property
    def channel_mean(self) -> Tensor:
        """The mean by channel, float32 [C]: its nearest grey level is the border of crops."""
        return self.mean if self.mean.ndim == 1 else self.mean.mean((0, 1))

    def normalised(self, how: NormaliseKind) -> "ImageData":
        """Return the set with the mean and std of another way to normalise: itself where it has them."""
        if how == self.normalise:
            return self
        numbers = normalisation(self.train.pixels.cpu().numpy(), how)
        mean, std = (torch.as_tensor(each, dtype=torch.float32).to(self.mean.device) for each in numbers)
        return replace(self, mean=mean, std=std, normalise=how)

    def to(self, device: torch.device | str) -> "ImageData":
        """Return the set on a device: itself where it lies there."""
        if torch.device(device) == self.train.pixels.device:
            return self
        parts = {name: getattr(self, name).to(device) for name in ("train", "val", "test", "mean", "std")}
        return replace(self, **parts)
