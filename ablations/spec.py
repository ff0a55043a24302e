"""The switches of a residual block. The default of each is the baseline of He et al. 2015 (arXiv 1512.03385)."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ablations.choices import (
    Activation,
    ActPosition,
    Attention,
    BlockKind,
    BranchInit,
    Downsample,
    Norm,
    NormPosition,
    Preactivation,
    ProjectionTap,
    Shortcut,
    StrideOn,
)
from ablations.constraints import refuse
from ablations.references import is_own

FROZEN = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class BlockSpec:
    """One residual block: `after(shortcut(x) + branch(x))`.

    Raises a `pydantic.ValidationError` (a ValueError) for an unknown value, and for a combination that is invalid or
    builds the same network as a simpler one; the message says what to change.
    """

    norm_position: NormPosition = NormPosition.BEFORE_ADD
    """Last norm of the branch: before or after the addition (He et al. 2016, fig. 4b)."""
    act_position: ActPosition = ActPosition.AFTER_ADD
    """Last activation: after the addition, before it (He et al. 2016, fig. 4c), or none (Torch blog 2016)."""
    preactivation: Preactivation = Preactivation.NONE
    """Activation before the weights: none, the ReLU alone, or norm and ReLU (He et al. 2016, fig. 4d, 4e)."""
    shortcut: Shortcut = Shortcut.A
    """A zero-pads, B projects where the shape changes, C projects everywhere, none makes a plain net (He et al. 2015,
    section 4.1); avg_pool averages 2x2 pixels and zero-pads on one side (the code of arXiv 1603.09382); the rest are
    those of He et al. 2016, table 1."""
    kind: BlockKind = BlockKind.BASIC
    """Two 3x3 convolutions, or a 1x1-3x3-1x1 bottleneck of expansion 4 (He et al. 2015, fig. 5)."""
    norm: Norm = Norm.BATCH
    """Normalisation: batch (arXiv 1502.03167), group (at most 32 groups, arXiv 1803.08494), layer (one group, arXiv
    1607.06450), or none."""
    activation: Activation = Activation.RELU
    """The non-linearity, everywhere in the network: relu (Nair and Hinton 2010), leaky_relu (Maas et al. 2013), elu
    (arXiv 1511.07289), gelu (arXiv 1606.08415) or silu (arXiv 1702.03118)."""
    shortcut_scale: Annotated[float, Field(gt=0)] = 0.5
    """Factor on the shortcut under constant_scaling (He et al. 2016, section 3.1)."""
    branch_scale: Annotated[float, Field(gt=0)] = 0.5
    """Factor on the branch under constant_scaling (He et al. 2016, table 1)."""
    gate_bias: float = -6.0
    """Initial bias of the gates of both gatings (He et al. 2016, section 3.1): -6 was their best."""
    shortcut_dropout: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the shortcut's signal dropped under dropout (He et al. 2016, section 3.1)."""
    downsample: Downsample = Downsample.IN_BLOCK
    """Where the stride sits: in the first block of a stage (He et al. 2015, section 4.2); in a 3x3 convolution of its
    own between stages; or in one after each stage, the last before pooling, as one public reproduction has it."""
    stride_on: StrideOn = StrideOn.CONV2
    """Which convolution of a bottleneck strides: the 3x3, as in torchvision, or the first 1x1, as in the code of He et
    al. 2016 (resnet-1k-layers)."""
    projection_tap: ProjectionTap = ProjectionTap.PREACTIVATED
    """What a projection reads where the block has a pre-activation: its output, as in the code of He et al. 2016
    (resnet-1k-layers), or the raw input."""
    attention: Attention = Attention.NONE
    """Squeeze-and-excitation at the end of the branch, reduction 16 (SENet, arXiv 1709.01507)."""
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Stochastic depth: chance that the last block's branch is skipped, rising linearly from the first block on
    (arXiv 1603.09382)."""
    branch_init: BranchInit = BranchInit.NORMAL
    """How a branch starts: normal; its last weighted layer at zero; under a factor at zero (skipinit, arXiv
    2002.10444, or by its other name rezero, arXiv 2003.04887), with a bias in every convolution too (skipinit_biases);
    fixup, the rules of arXiv 1901.09321 inside the branch alone; fixup_authors, the whole of their code: also a shift
    after the stem's convolution and before the classifier, the branch's first shift on a shortcut that changes shape,
    and a tenth of the rate for shifts, factors and biases; or under a small factor for each channel (layer_scale, arXiv
    2103.17239, section 2)."""
    remove_first_act: bool = False
    """Drop the first activation of a full pre-activation (PyramidNet, arXiv 1610.02915, section 2.3). The first
    block's is the stem's, and stays."""
    last_norm: bool = False
    """End the branch of a full pre-activation with a norm (PyramidNet, arXiv 1610.02915, section 2.3)."""

    layer_scale_start: Annotated[float, Field(gt=0)] = 0.1
    """What the factors of layer_scale start at: 0.1 up to 18 blocks, 1e-5 up to 24, 1e-6 beyond (arXiv 2103.17239,
    section 2)."""
    kernels: int = 33
    """Kernel sizes of a basic block's convolutions, a digit each: B(3, 1, 3) of Zagoruyko and Komodakis 2016, section
    2.1, is 313. The stride sits in the first."""
    branch_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the branch's signal dropped before its last convolution (Zagoruyko and Komodakis 2016, section 2.4)."""
    weight_standardisation: bool = False
    """Convolve by filters less their mean, over their standard deviation, in every block, shortcut and stem (Qiao et
    al. 2019, arXiv 1903.10520, section 3.2)."""

    @property
    def branch_kernels(self) -> tuple[int, ...]:
        """Kernel sizes of the branch's convolutions, one after the other; none are known of a branch of one's own."""
        if is_own(self.kind):
            return ()
        return (1, 3, 1) if self.kind == BlockKind.BOTTLENECK else tuple(map(int, str(self.kernels)))

    def __post_init__(self) -> None:
        refuse(self)


if __name__ == "__main__":
    raise SystemExit("error: ablations.spec is no command: use python -m ablations")
