"""The catalog of image sets: channels, size, classes and split of each. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from resnet_lab.errors import RefusedError
from resnet_lab.spec import DatasetName, DataSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """Shape and split of one set; `size` is the side of its square images in pixels, the rest are counts."""

    channels: int
    size: int
    classes: int
    train: int
    val: int
    test: int


_CIFAR = {"channels": 3, "size": 32, "train": 45_000, "val": 5_000, "test": 10_000}
_MNIST = {"channels": 1, "size": 28, "train": 55_000, "val": 5_000, "test": 10_000}

CATALOG: Mapping[DatasetName, DatasetInfo] = MappingProxyType(
    {
        DatasetName.DIGITS: DatasetInfo(channels=1, size=8, classes=10, train=1257, val=180, test=360),
        DatasetName.MNIST: DatasetInfo(**_MNIST, classes=10),
        DatasetName.FASHION_MNIST: DatasetInfo(**_MNIST, classes=10),
        DatasetName.CIFAR10: DatasetInfo(**_CIFAR, classes=10),
        DatasetName.CIFAR100: DatasetInfo(**_CIFAR, classes=100),
    }
)


def train_images(spec: DataSpec) -> int:
    """Return how many images a run trains on. Raises RefusedError where the split has fewer than asked for."""
    available = CATALOG[spec.name].train
    if spec.train_images > available:
        raise RefusedError(
            f"data.train_images={spec.train_images} is more than {spec.name} has for training: "
            f"ask for at most {available}, or 0 for all"
        )
    return spec.train_images or available


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Return the full batches in one pass over `images`. Raises RefusedError where there is not even one."""
    if batch_size > images:
        raise RefusedError(
            f"recipe.batch_size={batch_size} is more than all training images: set it to at most {images}"
        )
    return images // batch_size
