"""The catalog of image sets: channels, size, classes and split of each, folders included. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from resnet_lab.data.photographs.contents import Contents
from resnet_lab.errors import RefusedError, UserError
from resnet_lab.spec import DatasetName, DataSpec, RunSpec
from resnet_lab.spec.choices import HeadClasses, LossMean, has_contents
from resnet_lab.spec.protocol import IMAGENET_CLASSES


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageShape:
    """What a network has to know of its images: channels, side in pixels, and classes."""

    channels: int
    size: int
    classes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """Shape and split of one set; `size` is the side of its square images in pixels, the rest are counts."""

    channels: int
    size: int
    classes: int
    train: int
    val: int
    test: int

    @property
    def shape(self) -> ImageShape:
        return ImageShape(channels=self.channels, size=self.size, classes=self.classes)


_CIFAR = {"channels": 3, "size": 32, "train": 45_000, "val": 5_000, "test": 10_000}
_MNIST = {"channels": 1, "size": 28, "train": 55_000, "val": 5_000, "test": 10_000}
_PHOTOGRAPHS = {"channels": 3, "size": 224}

CATALOG: Mapping[DatasetName, DatasetInfo] = MappingProxyType(
    {
        DatasetName.DIGITS: DatasetInfo(channels=1, size=8, classes=10, train=1257, val=180, test=360),
        DatasetName.MNIST: DatasetInfo(**_MNIST, classes=10),
        DatasetName.FASHION_MNIST: DatasetInfo(**_MNIST, classes=10),
        DatasetName.CIFAR10: DatasetInfo(**_CIFAR, classes=10),
        DatasetName.CIFAR100: DatasetInfo(**_CIFAR, classes=100),
        # Parkhi et al. 2012; a tenth of its 3,680 images of trainval is held out.
        DatasetName.OXFORD_PETS: DatasetInfo(**_PHOTOGRAPHS, classes=37, train=3_312, val=368, test=3_669),
        # Nilsback and Zisserman 2008, with its own split.
        DatasetName.FLOWERS102: DatasetInfo(**_PHOTOGRAPHS, classes=102, train=1_020, val=1_020, test=6_149),
    }
)
"""Every set but those of one's own, which have what their folder, file or callable holds."""


def info_of(spec: DataSpec) -> DatasetInfo:
    """Return the facts of the images that a run sees, at its own size.

    Raises UserError for a folder, file or callable that nobody has looked into: `resnet_lab.data.load.resolve` does.
    """
    info = _own_info(spec) if has_contents(spec.name) else CATALOG[spec.name]
    if spec.rgb and info.channels == 3:
        raise RefusedError(f"{spec.name} has colours: data.rgb=true repeats grey images, leave it out")
    channels = 3 if spec.rgb else info.channels
    train = info.train + info.val if spec.trainval else info.train
    return replace(info, size=spec.size or info.size, channels=channels, train=train)


def shape_of(run: RunSpec) -> ImageShape:
    """Return what a run's network is built for: the shape of its images, and the classes of its head."""
    shape = info_of(run.data).shape
    return shape if run.protocol.head_classes == HeadClasses.OWN else replace(shape, classes=IMAGENET_CLASSES)


def check_faults(run: RunSpec) -> None:
    """Raise RefusedError where a fault of a run's protocol would have no meaning on its images."""
    classes, steps = info_of(run.data).classes, steps_per_epoch(train_images(run.data), run.recipe.batch_size)
    if run.protocol.head_classes != HeadClasses.OWN and classes >= IMAGENET_CLASSES:
        raise RefusedError(
            f"protocol.head_classes=1000 has no meaning on {classes} classes: take images of fewer than 1,000"
        )
    if run.protocol.loss_mean != LossMean.STEPS and steps < 2:
        raise RefusedError(
            "protocol.loss_mean=steps_less_1 has no meaning in epochs of one step: set a smaller recipe.batch_size"
        )


def _own_info(spec: DataSpec) -> DatasetInfo:
    if not spec.contents:
        raise UserError(NO_IMAGES.get(spec.name, f"{spec.name} was not called yet: resnet_lab.data.load.resolve does"))
    held = Contents.parse(spec.contents)
    shape = {"channels": held.channels, "size": held.side} if held.side else _PHOTOGRAPHS
    test = held.test or round(spec.test_share * held.train)
    rest = held.train if held.test else held.train - test
    val = held.val or round(spec.val_share * rest)
    train = rest if held.val else rest - val
    return DatasetInfo(**shape, classes=held.classes, train=train, val=val, test=test)


NO_IMAGES: Mapping[DatasetName, str] = MappingProxyType(
    {
        DatasetName.FOLDER: "data.name=folder needs --data-dir DIR, a folder with a folder of images for each class",
        DatasetName.ARRAYS: "data.name=arrays needs its file: name the images as npz:FILE",
    }
)
"""What is missing where a set of one's own is named without its place."""


def train_images(spec: DataSpec) -> int:
    """Return how many images a run trains on. Raises RefusedError where the split has fewer than asked for."""
    available = info_of(spec).train
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
