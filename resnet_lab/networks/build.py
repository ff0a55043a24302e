"""The registry of networks: `build_network` builds any of them from its spec."""

from typing import assert_never

from torch import nn

from ablations.own_parts import make_own
from ablations.references import OwnPartError, is_own
from resnet_lab.errors import UserError
from resnet_lab.networks.densenet import build_densenet
from resnet_lab.networks.densenet_bc import build_densenet_bc
from resnet_lab.networks.heads import with_head
from resnet_lab.networks.mnist_cnn import build_mnist_cnn, build_mnist_cnn_deep
from resnet_lab.networks.mnist_resnet import build_mnist_resnet
from resnet_lab.networks.resnet import build_resnet
from resnet_lab.networks.resnet_v2 import build_resnet50v2
from resnet_lab.networks.sizes import check_size
from resnet_lab.networks.vgg import build_imagenet_vgg, build_vgg
from resnet_lab.spec import ModelSpec
from resnet_lab.spec.choices import ModelName


def build_network(spec: ModelSpec, *, channels: int = 3, classes: int = 10, size: int | None = None) -> nn.Module:
    """Build any network of the registry: [N, channels, H, W] images -> [N, classes] logits, or features without a head.

    Weights are torch's defaults until `resnet_lab.engine.initialise` draws them from a seed. `size` is the side of
    the images in pixels; given, RefusedError says so where the network cannot read them. UserError says what is wrong
    with a part of one's own.
    """
    if size is not None:
        check_size(spec.name, size)
    try:
        return with_head(_build(spec, channels, classes), spec.head, classes)
    except OwnPartError as error:
        raise UserError(str(error)) from error


def _build(spec: ModelSpec, channels: int, classes: int) -> nn.Module:
    if is_own(spec.name):
        return make_own(spec.name, channels, classes)
    match spec.name:
        case ModelName.CIFAR_RESNET | ModelName.WIDE_RESNET | ModelName.IMAGENET_RESNET:
            return build_resnet(spec, channels=channels, classes=classes)
        case ModelName.RESNET50V2:
            return build_resnet50v2(channels=channels, classes=classes, pooling=spec.pooling, preact=spec.keras_preact)
        case ModelName.DENSENET121:
            return build_densenet(channels=channels, classes=classes)
        case ModelName.IMAGENET_DENSENET:
            return build_densenet(spec.depth, channels=channels, classes=classes)
        case ModelName.DENSENET_BC:
            return build_densenet_bc(spec, channels=channels, classes=classes)
        case ModelName.VGG15_BN | ModelName.VGG16_BN:
            return build_vgg(spec.name, channels=channels, classes=classes)
        case ModelName.IMAGENET_VGG | ModelName.IMAGENET_VGG_BN:
            return build_imagenet_vgg(spec, channels=channels, classes=classes)
        case ModelName.MNIST_CNN:
            return build_mnist_cnn(channels=channels, classes=classes)
        case ModelName.MNIST_CNN_DEEP:
            return build_mnist_cnn_deep(channels=channels, classes=classes)
        case ModelName.MNIST_RESNET:
            return build_mnist_resnet(channels=channels, classes=classes)
    assert_never(spec.name)


def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable scalars."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
