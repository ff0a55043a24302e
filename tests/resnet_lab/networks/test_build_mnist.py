"""The networks for 28x28 images: their parameters, layer by layer from the text that describes them."""

import torch
from torch import nn

from resnet_lab.networks.build import count_parameters
from resnet_lab.networks.resnet import residual_blocks


def conv(inputs, outputs, kernel):
    return inputs * outputs * kernel**2 + outputs


def linear(inputs, outputs):
    return inputs * outputs + outputs


def kinds(network):
    return [type(module).__name__ for module in network]


def test_the_small_cnn_has_8550_parameters_and_pools_before_its_norms(build):
    net = build("mnist_cnn", channels=1)
    assert count_parameters(net) == 8_550
    assert kinds(net) == ["Conv2d", "MaxPool2d", "ReLU", "BatchNorm2d"] * 2 + ["Flatten", "Linear"]


def test_the_deep_cnn_reads_576_features_and_norms_after_each_relu(build):
    net = build("mnist_cnn_deep", channels=1)
    convs = conv(1, 32, 5) + conv(32, 32, 5) + conv(32, 64, 3) + conv(64, 64, 3)
    norms = 2 * (32 + 32 + 64 + 64)
    assert count_parameters(net) == convs + norms + linear(576, 256) + linear(256, 10) == 232_554
    assert kinds(net)[:8] == ["Conv2d", "ReLU", "BatchNorm2d"] * 2 + ["MaxPool2d", "Dropout"] == kinds(net)[8:16]
    assert [module.p for module in net if isinstance(module, nn.Dropout)] == [0.25, 0.25, 0.5]


def test_the_resnet_has_biases_3x3_projections_and_a_layer_norm(build):
    net = build("mnist_resnet", channels=1)
    norms = 2 * (16 + 4 * 16 + 5 * 32 + 5 * 64) + 2 * 128
    stages = 4 * conv(16, 16, 3) + 2 * conv(16, 32, 3) + 3 * conv(32, 32, 3) + 2 * conv(32, 64, 3) + 3 * conv(64, 64, 3)
    assert count_parameters(net) == conv(1, 16, 3) + stages + norms + linear(3136, 128) + linear(128, 10)
    shortcuts = [type(block.shortcut) for block in residual_blocks(net)]
    assert shortcuts == [nn.Identity, nn.Identity, nn.Sequential, nn.Identity, nn.Sequential, nn.Identity]
    assert net.head.fc1.in_features == 3136


def test_the_resnet_flattens_its_feature_map(build):
    """Moving the map by a pixel changes the hidden layer's input; an average would not see it."""
    net = build("mnist_resnet", channels=1).eval()
    feature_map = torch.randn(2, 64, 7, 7)
    assert not torch.allclose(net.head(feature_map), net.head(feature_map.roll(1, 3)))
