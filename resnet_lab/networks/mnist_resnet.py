"""A ResNet for 28x28 images: [2, 2, 2] basic blocks of 16-32-64, 3x3 projections, a hidden layer with layer norm."""

from torch import nn

from ablations.block import ResidualBlock
from ablations.choices import Shortcut
from ablations.parts import sequence
from ablations.spec import BlockSpec
from resnet_lab.networks.resnet import ResNet

BLOCKS = 2
WIDTHS = (16, 32, 64)
MAP = 7  # pixels per side that 28 leave after two strides
HIDDEN = 128
BLOCK = BlockSpec(shortcut=Shortcut.B)


def build_mnist_resnet(*, channels: int, classes: int) -> ResNet:
    """Build the network for 28x28 images; its convolutions have biases, its feature map is flattened, not averaged."""
    stem = sequence("cna", BLOCK, channels, [_conv3x3(channels, WIDTHS[0])])
    inputs, stages = WIDTHS[0], nn.Sequential()
    for stage, outputs in enumerate(WIDTHS):
        first = _block(inputs, outputs, 1 if stage == 0 else 2)
        stages.append(nn.Sequential(first, *(_block(outputs, outputs, 1) for _ in range(BLOCKS - 1))))
        inputs = outputs
    return ResNet(stem=stem, stages=stages, head=_head(inputs * MAP * MAP), fc=nn.Linear(HIDDEN, classes))


def _block(inputs: int, outputs: int, stride: int) -> ResidualBlock:
    changes = stride > 1 or inputs != outputs
    convs = [_conv3x3(inputs, outputs, stride), _conv3x3(outputs, outputs)]
    return ResidualBlock(
        spec=BLOCK,
        before=nn.Sequential(),
        branch=sequence("cnacn", BLOCK, inputs, convs),
        shortcut=sequence("cn", BLOCK, inputs, [_conv3x3(inputs, outputs, stride)]) if changes else nn.Identity(),
        gate=None,
        after=sequence("a", BLOCK, outputs, fresh=True),
        drop_path=0.0,
    )


def _head(inputs: int) -> nn.Sequential:
    head = nn.Sequential()
    head.add_module("flatten", nn.Flatten())
    head.add_module("fc1", nn.Linear(inputs, HIDDEN))
    head.add_module("norm", nn.LayerNorm(HIDDEN))
    head.add_module("act", nn.ReLU(inplace=True))
    # Every head hands on a feature map; averaging one of one pixel changes nothing.
    head.add_module("map", nn.Unflatten(1, (HIDDEN, 1, 1)))
    return head


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1)
