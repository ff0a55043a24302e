"""DenseNet-121 (Huang et al. 2017, arXiv 1608.06993, table 1): torchvision's, its ends adapted."""

from torch import nn


def build_densenet121(*, channels: int, classes: int) -> nn.Module:
    """Build the network for images of at least 29 pixels per side; the names of its tensors are torchvision's."""
    from torchvision.models import densenet121

    network: nn.Module = densenet121(num_classes=classes)
    if channels != 3:
        network.features.conv0 = nn.Conv2d(channels, 64, 7, 2, padding=3, bias=False)  # type: ignore[union-attr]  # modules by attribute
    return network
