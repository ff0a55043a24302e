"""DenseNet-BC for CIFAR (Huang et al. 2017, arXiv 1608.06993, section 3 and 4.2)."""

from collections import OrderedDict

import torch
from torch import nn

from ablations.parts import conv1x1, conv3x3, sequence
from ablations.spec import BlockSpec
from resnet_lab.spec import ModelSpec
from resnet_lab.spec.choices import ModelName
from resnet_lab.spec.families import EXTRA_LAYERS

DENSE_BLOCKS = 3
BOTTLENECK = 4  # channels of a layer's 1x1 convolution, in growth rates
STEM = 2  # channels of the stem, in growth rates
COMPRESSION = 0.5  # theta: the share of channels a transition keeps
LAYERS_PER_UNIT = 2 * DENSE_BLOCKS
PLAIN = BlockSpec()  # batch norm and ReLU


class DenseLayer(nn.Module):
    """Append `growth` channels to the input. [N, inputs, H, W] -> [N, inputs + growth, H, W]."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        convs = [conv1x1(inputs, BOTTLENECK * growth), conv3x3(BOTTLENECK * growth, growth)]
        self.branch = sequence("nacnac", PLAIN, inputs, convs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.branch(x)], 1)


def build_densenet_bc(spec: ModelSpec, *, channels: int, classes: int) -> nn.Sequential:
    """Build the network of depth 6n+4 and growth rate `spec.width` for images of at least 4 pixels per side."""
    growth = spec.width
    layers = (spec.depth - EXTRA_LAYERS[ModelName.DENSENET_BC]) // LAYERS_PER_UNIT
    width, stages = STEM * growth, nn.Sequential()
    stem = sequence("c", PLAIN, channels, [conv3x3(channels, width)])
    for block in range(DENSE_BLOCKS):
        stage = nn.Sequential(*(DenseLayer(width + index * growth, growth) for index in range(layers)))
        width += layers * growth
        if block < DENSE_BLOCKS - 1:
            stage.add_module("transition", _transition(width))
            width = _compressed(width)
        stages.append(stage)
    head = sequence("na", PLAIN, width)
    head.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten()])
    fc = nn.Linear(width, classes)
    return nn.Sequential(OrderedDict[str, nn.Module](stem=stem, stages=stages, head=head, fc=fc))


def _transition(inputs: int) -> nn.Sequential:
    # The ReLU is the authors' code's; the paper's text names the norm, the convolution and the pooling.
    modules = sequence("nac", PLAIN, inputs, [conv1x1(inputs, _compressed(inputs))])
    modules.add_module("pool", nn.AvgPool2d(2))
    return modules


def _compressed(channels: int) -> int:
    return int(channels * COMPRESSION)
