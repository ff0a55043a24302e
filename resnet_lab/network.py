"""The CIFAR residual network of He et al. 2015, section 4.2, made of the factory's blocks."""

from itertools import pairwise

import torch
from torch import nn

from ablations.block import EXPANSION, ResidualBlock, build_block
from ablations.layout import layout_of
from ablations.parts import conv3x3, sequence
from resnet_lab.spec import ModelSpec

STAGES = 3


class ResNet(nn.Module):
    """Stem, stages of residual blocks, head, global average pooling and one linear layer.

    [N, channels, H, W] images of any size -> [N, classes] logits.
    """

    def __init__(self, *, stem: nn.Module, stages: nn.Sequential, head: nn.Module, fc: nn.Linear) -> None:
        super().__init__()
        self.stem = stem
        self.stages = stages
        self.head = head
        self.fc = fc

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.head(self.stages(self.stem(x)))
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]  # nn.Module calls are untyped

    def blocks(self) -> list[ResidualBlock]:
        """Return the residual blocks from input to output."""
        return [module for module in self.modules() if isinstance(module, ResidualBlock)]


def build_network(spec: ModelSpec, *, channels: int = 3, classes: int = 10) -> ResNet:
    """Build the 6n+2 (basic) or 9n+2 (bottleneck) network for images of any size.

    Weights are torch's defaults until `resnet_lab.initialise.initialise` draws them from a seed.
    """
    block, layout = spec.block, layout_of(spec.block)
    stem_width = spec.width
    widths = [spec.width * 2**stage * EXPANSION[block.kind] for stage in range(STAGES)]
    stages = nn.Sequential()
    for stage, (inputs, outputs) in enumerate(pairwise([stem_width, *widths])):
        blocks = nn.Sequential()
        for index in range(spec.blocks_per_stage):
            opens = index == 0
            stride = 2 if opens and stage > 0 else 1
            first = opens and stage == 0
            blocks.append(build_block(block, inputs if opens else outputs, outputs, stride, first=first))
        stages.append(blocks)
    return ResNet(
        stem=sequence("c" + layout.stem, block, channels, [conv3x3(channels, stem_width)]),
        stages=stages,
        head=sequence(layout.head, block, widths[-1], fresh=True),
        fc=nn.Linear(widths[-1], classes),
    )


def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable scalars."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
