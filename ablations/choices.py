"""Enums of a block's switches; the baseline first. Imports no torch."""

from enum import StrEnum

from ablations.references import OpenEnum


class NormPosition(StrEnum):
    BEFORE_ADD = "before_add"
    AFTER_ADD = "after_add"


class ActPosition(StrEnum):
    AFTER_ADD = "after_add"
    BEFORE_ADD = "before_add"
    NONE = "none"


class Preactivation(StrEnum):
    NONE = "none"
    RELU_ONLY = "relu_only"
    FULL = "full"


class Shortcut(OpenEnum):
    A = "A"
    B = "B"
    C = "C"
    AVG_POOL = "avg_pool"
    MAX_POOL = "max_pool"
    NONE = "none"
    CONSTANT_SCALING = "constant_scaling"
    EXCLUSIVE_GATING = "exclusive_gating"
    SHORTCUT_ONLY_GATING = "shortcut_only_gating"
    CONV1X1 = "conv1x1"
    DROPOUT = "dropout"


class BlockKind(OpenEnum):
    BASIC = "basic"
    BOTTLENECK = "bottleneck"


class StrideOn(StrEnum):
    CONV2 = "conv2"
    CONV1 = "conv1"


class Norm(OpenEnum):
    BATCH = "batch"
    GROUP = "group"
    LAYER = "layer"
    NONE = "none"


class Activation(OpenEnum):
    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    ELU = "elu"
    GELU = "gelu"
    SILU = "silu"


class Downsample(StrEnum):
    IN_BLOCK = "in_block"
    SEPARATE_CONV = "separate_conv"
    SEPARATE_CONV_EACH = "separate_conv_each"


class ProjectionTap(StrEnum):
    PREACTIVATED = "preactivated"
    RAW = "raw"


class Attention(StrEnum):
    NONE = "none"
    SE = "se"


class BranchInit(StrEnum):
    """How a branch starts. `rezero` (Bachlechner et al. 2020, arXiv 2003.04887) is another name of `skipinit`: both put
    one learned factor, at first 0, at the end of each branch."""

    NORMAL = "normal"
    ZERO_LAST = "zero_last"
    SKIPINIT = "skipinit"
    FIXUP = "fixup"
    SKIPINIT_BIASES = "skipinit_biases"
    FIXUP_AUTHORS = "fixup_authors"
    LAYER_SCALE = "layer_scale"

    @classmethod
    def _missing_(cls, value: object) -> "BranchInit | None":
        return cls.SKIPINIT if value == "rezero" else None


SKIPINITS = frozenset({BranchInit.SKIPINIT, BranchInit.SKIPINIT_BIASES})
FIXUPS = frozenset({BranchInit.FIXUP, BranchInit.FIXUP_AUTHORS})
SEPARATE_CONVS = frozenset({Downsample.SEPARATE_CONV, Downsample.SEPARATE_CONV_EACH})
