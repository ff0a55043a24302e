"""VGG-15 and VGG-16 have as many weighted layers as their names say; the convolutions are torchvision's."""

import pytest
import torch
from torch import nn
from torchvision.models import vgg16_bn

from resnet_lab.networks.build import count_parameters


@pytest.mark.parametrize(("name", "linear"), [("vgg15_bn", 2), ("vgg16_bn", 3)])
def test_layers_and_parameters(build, name, linear):
    with torch.device("meta"):
        net = build(name)
    kinds = [type(module) for module in net.modules()]
    assert (kinds.count(nn.Conv2d), kinds.count(nn.Linear)) == (13, linear)
    assert f"vgg{13 + linear}_bn" == name
    convolutions = count_parameters(net.features)
    assert count_parameters(net) == convolutions + (linear - 1) * (512 * 512 + 512) + 512 * 10 + 10


def test_the_convolutions_have_torchvisions_names_and_shapes(build):
    with torch.device("meta"):
        ours, theirs = build("vgg16_bn"), vgg16_bn()
    assert count_parameters(ours.features) == 14_723_136
    for name, tensor in theirs.features.state_dict().items():
        assert ours.state_dict()[f"features.{name}"].shape == tensor.shape


def test_grey_and_larger_images_work(build):
    net = build("vgg15_bn", channels=1, classes=3).eval()
    with torch.no_grad():
        assert net(torch.randn(1, 1, 70, 70)).shape == (1, 3)
