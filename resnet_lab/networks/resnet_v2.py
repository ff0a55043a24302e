"""ResNet50V2 as Keras builds it (keras.applications.ResNet50V2, after He et al. 2016, arXiv 1603.05027).

It differs from the paper's net in four places: the stage's stride sits in the last block of the stage, whose shortcut
is then a max-pool of one pixel; the stem has a bias and no norm; the first block keeps its own norm and activation;
and each block's last convolution and projection have a bias.
"""

from torch import nn

from ablations.block import ResidualBlock
from ablations.choices import BlockKind, Preactivation, Shortcut
from ablations.parts import conv1x1, conv3x3, sequence
from ablations.spec import BlockSpec
from resnet_lab.networks.resnet import ResNet
from resnet_lab.spec import Pooling

BLOCKS = (3, 4, 6, 3)
STEM = 64
EXPANSION = 4
# Keras's batch norm: epsilon set by its applications, momentum 0.99 of the old statistics, which torch calls 0.01.
EPSILON, MOMENTUM = 1.001e-5, 0.01
POOLS = {Pooling.AVERAGE: nn.AdaptiveAvgPool2d, Pooling.MAX: nn.AdaptiveMaxPool2d}
BLOCK = BlockSpec(kind=BlockKind.BOTTLENECK, preactivation=Preactivation.FULL, shortcut=Shortcut.B)


def build_resnet50v2(*, channels: int, classes: int, pooling: Pooling = Pooling.AVERAGE, preact: bool = True) -> ResNet:
    """Build the network for images of any size; 25,568,360 parameters with 3 channels and 1000 classes.

    `preact` as Keras's argument of that name: the blocks are the same, but without it the norm and ReLU that end the
    network follow the stem's convolution instead.
    """
    inputs, stages = STEM, nn.Sequential()
    for stage, count in enumerate(BLOCKS):
        outputs, stride = STEM * 2**stage * EXPANSION, 1 if stage == len(BLOCKS) - 1 else 2
        blocks = [_block(inputs, outputs, 1, projects=True)]
        blocks += [_block(outputs, outputs, 1, projects=False) for _ in range(count - 2)]
        blocks += [_block(outputs, outputs, stride, projects=False)]
        stages.append(nn.Sequential(*blocks))
        inputs = outputs
    head = sequence("na" if preact else "", BLOCK, inputs, fresh=True)
    if pooling != Pooling.AVERAGE:  # averaging what was pooled to one pixel changes nothing
        head.add_module("pool", POOLS[pooling](1))
    network = ResNet(
        stem=_stem(channels, normalised=not preact), stages=stages, head=head, fc=nn.Linear(inputs, classes)
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = EPSILON, MOMENTUM
    return network


def _stem(channels: int, *, normalised: bool) -> nn.Sequential:
    stem = nn.Sequential()
    stem.add_module("conv1", nn.Conv2d(channels, STEM, 7, 2, padding=3))
    if normalised:
        stem.add_module("norm", nn.BatchNorm2d(STEM))
        stem.add_module("act", nn.ReLU(inplace=True))
    # No norm or ReLU came before: zeros at the border may be the largest, which max-pooling's own padding never is.
    stem.add_module("pad", nn.ZeroPad2d(1))
    stem.add_module("pool", nn.MaxPool2d(3, 2))
    return stem


def _block(inputs: int, outputs: int, stride: int, *, projects: bool) -> ResidualBlock:
    """Both paths read the pre-activation where the shortcut projects; else the shortcut reads the raw input."""
    inner = outputs // EXPANSION
    convs = [conv1x1(inputs, inner), conv3x3(inner, inner, stride), nn.Conv2d(inner, outputs, 1)]
    shortcut: nn.Module = nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity()
    if projects:
        shortcut = nn.Conv2d(inputs, outputs, 1, stride)
    return ResidualBlock(
        spec=BLOCK,
        before=sequence("na" if projects else "", BLOCK, inputs),
        branch=sequence("cnacnac" if projects else "nacnacnac", BLOCK, inputs, convs),
        shortcut=shortcut,
        gate=None,
        after=nn.Sequential(),
        drop_path=0.0,
    )
