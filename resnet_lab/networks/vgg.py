"""VGG for CIFAR, torchvision's 13 convolutions of VGG-16 with batch norm and a narrow head, and torchvision's own.

VGG-16 is Simonyan and Zisserman's configuration D (arXiv 1409.1556): 13 convolutions and 3 linear layers, here of 512
instead of 4096, since a 32x32 image leaves one pixel of 512 channels. Veit et al. 2016 (arXiv 1605.06431) contrast
their ResNet with "a 15-layer VGG" and do not list its layers; VGG-15 here is the 13 convolutions and 2 linear layers,
the count of the CIFAR-10 VGG with batch norm published before (Zagoruyko, Torch blog, 30 July 2015), without that net's
dropout between convolutions.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import cast

from torch import nn

from resnet_lab.spec import ModelSpec
from resnet_lab.spec.choices import ModelName
from resnet_lab.spec.families import VGG_CONFIGURATIONS

CONFIGURATION = "D"
WIDTH = 512
STAGE = 64  # channels of the first stage in torchvision's configurations
MAP = 7  # pixels per side that the ImageNet head reads
DROPOUT = 0.5  # arXiv 1409.1556, section 3.1
HIDDEN: Mapping[ModelName, int] = MappingProxyType({ModelName.VGG15_BN: 1, ModelName.VGG16_BN: 2})


def build_vgg(name: ModelName, *, channels: int, classes: int) -> nn.Sequential:
    """Build vgg15_bn or vgg16_bn, for images of at least 32 pixels per side; tensors named as in torchvision's VGG."""
    from torchvision.models.vgg import cfgs

    features = _features(cfgs[CONFIGURATION], channels, norm=True)
    return _network(features, 1, [WIDTH] * (HIDDEN[name] + 1), classes)


def build_imagenet_vgg(spec: ModelSpec, *, channels: int, classes: int) -> nn.Sequential:
    """Build VGG-11, 13, 16 or 19 (arXiv 1409.1556, table 1) with or without batch norm, for at least 32 pixels a side.

    At width 64 it is torchvision's, tensors named alike; other widths scale every layer but the last.
    """
    from torchvision.models.vgg import cfgs

    wanted = cfgs[VGG_CONFIGURATIONS[spec.depth]]
    layers = [each if isinstance(each, str) else each * spec.width // STAGE for each in wanted]
    features = _features(layers, channels, norm=spec.name == ModelName.IMAGENET_VGG_BN)
    last, hidden = 8 * spec.width, 64 * spec.width
    return _network(features, MAP, [last * MAP * MAP, hidden, hidden], classes)


def _features(layers: list[str | int], channels: int, *, norm: bool) -> nn.Sequential:
    """Build the convolutions, "M" standing for max-pooling."""
    from torchvision.models.vgg import make_layers

    features = cast(nn.Sequential, make_layers(layers, batch_norm=norm))
    if channels != 3:
        features[0] = nn.Conv2d(channels, cast(int, layers[0]), 3, padding=1)
    return features


def _network(features: nn.Sequential, pooled: int, widths: Sequence[int], classes: int) -> nn.Sequential:
    """Join the convolutions, pooling to `pooled` pixels a side, and linear layers with these inputs."""
    classifier = nn.Sequential()
    for inputs, outputs in pairwise(widths):
        classifier.extend([nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(DROPOUT)])
    classifier.append(nn.Linear(widths[-1], classes))
    pooling = nn.AdaptiveAvgPool2d(pooled)
    parts = OrderedDict[str, nn.Module](features=features, avgpool=pooling, flatten=nn.Flatten())
    return nn.Sequential(parts | {"classifier": classifier})
