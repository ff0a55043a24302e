"""The block factory: `build_block(spec, inputs, outputs, stride)`."""

import torch
from torch import nn

from ablations.layout import layout_of, leading
from ablations.parts import conv1x1, conv3x3, sequence
from ablations.shortcuts import is_projection, make_shortcut
from ablations.spec import BlockKind, BlockSpec

EXPANSION = {BlockKind.BASIC: 1, BlockKind.BOTTLENECK: 4}


class ResidualBlock(nn.Module):
    """`after(shortcut(x) + branch(x))`, where both paths read `before(x)`.

    `before` is empty except where a projection reads the pre-activated input. A plain block has `shortcut` None and
    computes `after(branch(x))`. [N, inputs, H, W] -> [N, outputs, ceil(H/stride), ceil(W/stride)].
    """

    def __init__(
        self,
        *,
        spec: BlockSpec,
        before: nn.Sequential,
        branch: nn.Sequential,
        shortcut: nn.Module | None,
        after: nn.Sequential,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.before = before
        self.branch = branch
        self.shortcut = shortcut
        self.after = after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.before(x)
        y = self.branch(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return self.after(y)  # type: ignore[no-any-return]  # nn.Module calls are untyped


def build_block(spec: BlockSpec, inputs: int, outputs: int, stride: int = 1, *, first: bool = False) -> ResidualBlock:
    """Build one residual block from [N, inputs, H, W] to [N, outputs, ceil(H/stride), ceil(W/stride)].

    `first` marks the network's first block: its leading norm and activation, if it has any, belong to the stem
    (He et al. 2016, section 3.2). `outputs` counts the channels after a bottleneck's expansion.
    Raises ValueError for a width the kind or the shortcut cannot make.
    """
    if outputs < inputs or outputs % EXPANSION[spec.kind]:
        raise ValueError(
            f"a {spec.kind} block cannot go from {inputs} to {outputs} channels: "
            f"outputs must be a multiple of {EXPANSION[spec.kind]} and at least {inputs}"
        )
    layout = layout_of(spec)
    operations = layout.branch(spec.kind)
    lead = leading(operations)
    shares = layout.taps_preactivated and is_projection(spec, inputs, outputs, stride)
    if first or shares:
        operations = operations.removeprefix(lead)
    return ResidualBlock(
        spec=spec,
        before=sequence(lead if shares and not first else "", spec, inputs),
        branch=sequence(operations, spec, inputs, _convolutions(spec.kind, inputs, outputs, stride)),
        shortcut=make_shortcut(spec, inputs, outputs, stride),
        after=sequence(layout.after, spec, outputs, fresh=True),
    )


def _convolutions(kind: BlockKind, inputs: int, outputs: int, stride: int) -> list[nn.Conv2d]:
    if kind == BlockKind.BASIC:
        return [conv3x3(inputs, outputs, stride), conv3x3(outputs, outputs)]
    # The stride sits on the 3x3 convolution, as in torchvision; the paper's own nets had it on the first 1x1.
    inner = outputs // EXPANSION[kind]
    return [conv1x1(inputs, inner), conv3x3(inner, inner, stride), conv1x1(inner, outputs)]
