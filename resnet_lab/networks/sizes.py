"""Image sizes that each network takes. Imports no torch."""

from collections.abc import Mapping
from types import MappingProxyType

from resnet_lab.errors import RefusedError
from resnet_lab.spec.choices import ModelName

# Smallest side in pixels that still leaves one after all pooling; networks that are not here take any image.
SMALLEST: Mapping[ModelName, int] = MappingProxyType(
    {
        ModelName.DENSENET121: 29,
        ModelName.IMAGENET_DENSENET: 29,
        ModelName.DENSENET_BC: 4,
        ModelName.VGG15_BN: 32,
        ModelName.VGG16_BN: 32,
        ModelName.IMAGENET_VGG: 32,
        ModelName.IMAGENET_VGG_BN: 32,
    }
)
# Their first linear layer reads a flattened feature map, so one size fits.
ONLY: Mapping[ModelName, int] = MappingProxyType(
    dict.fromkeys((ModelName.MNIST_CNN, ModelName.MNIST_CNN_DEEP, ModelName.MNIST_RESNET), 28)
)


def check_size(name: ModelName, size: int) -> None:
    """Raise RefusedError where the network cannot read square images with a side of `size` pixels."""
    only, smallest = ONLY.get(name, size), SMALLEST.get(name, 1)
    if size != only:
        raise RefusedError(
            f"{name} takes images of {only}x{only} pixels, not {size}x{size}: set data.name to mnist or fashion_mnist, "
            "or take another model.name"
        )
    if size < smallest:
        raise RefusedError(
            f"{name} needs images of at least {smallest}x{smallest} pixels, not {size}x{size}: set data.name to "
            "cifar10 or cifar100, or take another model.name"
        )
