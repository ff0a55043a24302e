"""Sets of images as tensors, resident on one device."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from resnet_lab.data.distort import resized
from resnet_lab.data.statistics import normalisation
from resnet_lab.provenance import SeenImages
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

    `std` is float32 [C] and `mean` [C], or [H, W, C] where each pixel has its own. The parts hold images as they are
    stored; `view` is what of them a network sees outside training.
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
    margin: int = 0
    """Pixels of each stored image's rim that random crops alone reach."""
    side: int = 0
    """Side of the images that the network sees, where they are scaled to it; 0 where they are not."""
    class_names: tuple[str, ...] = ()
    """Name of each class, in the order of the labels; without, classes go by their number."""
    unreadable: tuple[str, ...] = ()
    """Files of a folder of photographs that hold no image and were left out, with the reason."""
    bordered: dict[int, Tensor] = field(init=False, repr=False, compare=False, default_factory=dict)
    """The training images with a border, by its width: made once for all who train on them (`augment.bordered`)."""

    @property
    def channel_mean(self) -> Tensor:
        """The mean by channel, float32 [C]: its nearest grey level is the border of crops."""
        return self.mean if self.mean.ndim == 1 else self.mean.mean((0, 1))

    @property
    def size(self) -> int:
        """The side of the images that the network sees, in pixels."""
        return self.side or self.train.pixels.shape[1] - 2 * self.margin

    @property
    def channels(self) -> int:
        return self.train.pixels.shape[3]

    @property
    def seen(self) -> SeenImages:
        """What a checkpoint keeps of the images that its network saw."""
        mean, std = self.mean.cpu().tolist(), self.std.cpu().tolist()
        return SeenImages(size=self.size, mean=_tuples(mean), std=tuple(std), class_names=self.class_names)

    def view(self, pixels: Tensor) -> Tensor:
        """Return uint8 [B, size, size, C], the original view of stored images: the centre, at the set's size."""
        inner = slice(self.margin, pixels.shape[1] - self.margin)
        return resized(pixels[:, inner, inner], self.size)

    def class_name(self, label: int) -> str:
        """Return the name of a class, or its number where the set has no names."""
        return self.class_names[label] if self.class_names else str(label)

    def normalised(self, how: NormaliseKind) -> "ImageData":
        """Return the set with the mean and std of another way to normalise: itself where it has them."""
        if how == self.normalise:
            return self
        numbers = normalisation(self.train.pixels.cpu().numpy(), how, self.name)
        mean, std = (torch.as_tensor(each, dtype=torch.float32).to(self.mean.device) for each in numbers)
        return replace(self, mean=mean, std=std, normalise=how)

    def to(self, device: torch.device | str) -> "ImageData":
        """Return the set on a device: itself where it lies there."""
        if torch.device(device) == self.train.pixels.device:
            return self
        parts = {name: getattr(self, name).to(device) for name in ("train", "val", "test", "mean", "std")}
        return replace(self, **parts)


def _tuples(nested: Any) -> Any:
    return tuple(map(_tuples, nested)) if isinstance(nested, list) else nested
