"""DenseNets for ImageNet (Huang et al. 2017, arXiv 1608.06993, table 1): torchvision's, their ends adapted."""

from typing import cast

from torch import nn

DEPTH = 121


def build_densenet(depth: int = DEPTH, *, channels: int, classes: int) -> nn.Module:
    """Build DenseNet-121, 161, 169 or 201 for images of at least 29 pixels per side; tensors named as torchvision's."""
    from torchvision import models

    network: nn.Module = getattr(models, f"densenet{depth}")(num_classes=classes)
    if channels != 3:
        features = cast(nn.Sequential, network.features)
        width = cast(nn.Conv2d, features.conv0).out_channels
        features.conv0 = nn.Conv2d(channels, width, 7, 2, padding=3, bias=False)
    return network
