"""Residual networks made of the factory's blocks: CIFAR, wide and ImageNet families."""

import torch
from torch import nn

from ablations.block import ResidualBlock, build_block, expansion
from ablations.choices import SEPARATE_CONVS, Downsample, Preactivation
from ablations.layout import head_of, layout_of, stem_of
from ablations.parts import make_conv, sequence
from ablations.spec import BlockSpec
from resnet_lab.spec import ModelSpec
from resnet_lab.spec.choices import ModelName, Stem
from resnet_lab.spec.families import WIDE_STEM, stages


class ResNet(nn.Module):
    """Stem, stages of residual blocks, head, global average pooling and one linear layer.

    [N, channels, H, W] images of any size -> [N, classes] logits.
    """

    def __init__(self, *, stem: nn.Module, stages: nn.Sequential, head: nn.Module, fc: nn.Module) -> None:
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
        return residual_blocks(self)


def residual_blocks(network: nn.Module) -> list[ResidualBlock]:
    """Return the residual blocks of any network of the registry from input to output; none for a DenseNet or VGG."""
    return [module for module in network.modules() if isinstance(module, ResidualBlock)]


def build_resnet(spec: ModelSpec, *, channels: int, classes: int) -> ResNet:
    """Build a network of the CIFAR (6n+2, 9n+2), wide (6n+4) or ImageNet family for images of any size."""
    block = spec.block
    counts = stages(spec)
    widths = [spec.width * 2**stage * expansion(block.kind) for stage in range(len(counts))]
    inputs = WIDE_STEM if spec.name == ModelName.WIDE_RESNET else spec.width
    stem = _stem(spec, channels, inputs)
    body, built = nn.Sequential(), 0
    for stage, (count, outputs) in enumerate(zip(counts, widths, strict=True)):
        stride = 1 if stage == 0 else 2
        modules = nn.Sequential()
        if stage and block.downsample in SEPARATE_CONVS:
            modules.add_module("down", _between(block, inputs, outputs))
            inputs, stride = outputs, 1
        for index in range(count):
            built += 1
            one = build_block(block, inputs, outputs, stride, first=built == 1, position=built / sum(counts))
            modules.add_module(str(index), one)
            inputs, stride = outputs, 1
        body.append(modules)
    if block.downsample == Downsample.SEPARATE_CONV_EACH:
        body[-1].add_module("down_last", _between(block, inputs, inputs))
    head = head_of(block) if spec.final_norm else ""
    return ResNet(stem=stem, stages=body, head=sequence(head, block, inputs, fresh=True), fc=nn.Linear(inputs, classes))


def _stem(spec: ModelSpec, channels: int, width: int) -> nn.Sequential:
    operations = "c" + stem_of(spec.block)
    if spec.stem == Stem.CIFAR:
        return sequence(operations, spec.block, channels, [make_conv(spec.block, channels, width, 3)])
    modules = sequence(operations, spec.block, channels, [make_conv(spec.block, channels, width, 7, 2)])
    modules.add_module("pool", nn.MaxPool2d(3, 2, padding=1))
    return modules


def _between(block: BlockSpec, inputs: int, outputs: int) -> nn.Sequential:
    """A stride-2 convolution behind a stage; pre-activation blocks and head bring their own norm and activation."""
    operations = "c" if block.preactivation != Preactivation.NONE else "c" + layout_of(block).stem
    return sequence(operations, block, inputs, [make_conv(block, inputs, outputs, 3, 2)])
