"""VGG for CIFAR: torchvision's 13 convolutions of VGG-16 with batch norm, and 2 or 3 linear layers of 512.

VGG-16 is Simonyan and Zisserman's configuration D (arXiv 1409.1556): 13 convolutions and 3 linear layers, here of 512
instead of 4096, since a 32x32 image leaves one pixel of 512 channels. Veit et al. 2016 (arXiv 1605.06431) contrast
their ResNet with "a 15-layer VGG" and do not list its layers; VGG-15 here is the 13 convolutions and 2 linear layers,
the count of the CIFAR-10 VGG with batch norm published before (Zagoruyko, Torch blog, 30 July 2015), without that net's
dropout between convolutions.
"""

from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from torch import nn

from resnet_lab.spec.choices import ModelName

CONFIGURATION = "D"
WIDTH = 512
DROPOUT = 0.5  # arXiv 1409.1556, section 3.1
HIDDEN: Mapping[ModelName, int] = MappingProxyType({ModelName.VGG15_BN: 1, ModelName.VGG16_BN: 2})


def build_vgg(name: ModelName, *, channels: int, classes: int) -> nn.Sequential:
    """Build vgg15_bn or vgg16_bn, for images of at least 32 pixels per side; tensors named as in torchvision's VGG."""
    from torchvision.models.vgg import cfgs, make_layers

    features = cast(nn.Sequential, make_layers(cfgs[CONFIGURATION], batch_norm=True))
    if channels != 3:
        features[0] = nn.Conv2d(channels, 64, 3, padding=1)
    classifier = nn.Sequential()
    for _ in range(HIDDEN[name]):
        classifier.extend([nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Dropout(DROPOUT)])
    classifier.append(nn.Linear(WIDTH, classes))
    parts = OrderedDict[str, nn.Module](features=features, avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
    return nn.Sequential(parts | {"classifier": classifier})
