"""Constraints: combinations of switches that are invalid, or build the network of a simpler one, and what to change.

Each row: when it applies, and the error message. Tests walk the space of switches and fail where a row is missing.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from ablations.choices import (
    FIXUPS,
    SEPARATE_CONVS,
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
from ablations.references import is_own

if TYPE_CHECKING:
    from ablations.spec import BlockSpec

# Numbers that only one shortcut reads: elsewhere two values would build one network.
_NUMBERS = {
    "shortcut_scale": (Shortcut.CONSTANT_SCALING,),
    "branch_scale": (Shortcut.CONSTANT_SCALING,),
    "gate_bias": (Shortcut.EXCLUSIVE_GATING, Shortcut.SHORTCUT_ONLY_GATING),
    "shortcut_dropout": (Shortcut.DROPOUT,),
}
PROJECTIONS = frozenset({Shortcut.B, Shortcut.C, Shortcut.CONV1X1})
PROJECTIONS_EVERYWHERE = frozenset({Shortcut.C, Shortcut.CONV1X1})


KERNEL_SIZES = frozenset("1357")
"""Odd, so that a convolution can keep the plane."""


def refuse(spec: "BlockSpec") -> None:
    """Raise ValueError with the message of the first row that applies."""
    defaults = _defaults(type(spec))  # type: ignore[arg-type]  # a class is hashable
    for name, shortcuts in _NUMBERS.items():
        if getattr(spec, name) != defaults[name] and spec.shortcut not in shortcuts:
            raise ValueError(f"{name} is read by one shortcut only: set shortcut={shortcuts[0]}, or leave {name} out")
    for applies, message in _ROWS:
        if applies(spec):
            raise ValueError(message)


def unread(shortcut: str) -> frozenset[str]:
    """Return the numbers of a block that its shortcut does not read."""
    return frozenset(name for name, readers in _NUMBERS.items() if shortcut not in readers)


@cache
def _defaults(kind: type["BlockSpec"]) -> dict[str, object]:
    return {field.name: field.default for field in dataclasses.fields(kind)}


def _moved(spec: "BlockSpec") -> bool:
    """Whether the last norm or activation has left its baseline place."""
    return spec.norm_position != NormPosition.BEFORE_ADD or spec.act_position != ActPosition.AFTER_ADD


def _shares_lead_everywhere(spec: "BlockSpec") -> bool:
    """Whether both paths of every block start from the block's pre-activation."""
    return spec.shortcut in PROJECTIONS_EVERYWHERE and spec.projection_tap == ProjectionTap.PREACTIVATED


def _ends_with_a_convolution(spec: "BlockSpec") -> bool:
    """Whether the branch's last weighted layer is a convolution."""
    full = spec.preactivation == Preactivation.FULL and not spec.last_norm
    return spec.norm == Norm.NONE or spec.norm_position == NormPosition.AFTER_ADD or full


def _not_read_by_own(spec: "BlockSpec") -> bool:
    """Whether a branch of one's own goes with a switch that places or makes what is inside a branch."""
    inside = ("norm_position", "preactivation", "stride_on", "branch_dropout", "weight_standardisation", "kernels")
    defaults = _defaults(type(spec))  # type: ignore[arg-type]  # a class is hashable
    return is_own(spec.kind) and (
        any(getattr(spec, name) != defaults[name] for name in inside)
        or spec.act_position == ActPosition.BEFORE_ADD
        or spec.branch_init not in OUTSIDE
    )


OUTSIDE = frozenset({BranchInit.NORMAL, BranchInit.SKIPINIT, BranchInit.LAYER_SCALE})
"""Starts of a branch that change nothing inside it."""


_ROWS: tuple[tuple[Callable[["BlockSpec"], bool], str], ...] = (
    (
        _not_read_by_own,
        "what is inside a branch of your own, no switch can place: leave norm_position, preactivation, stride_on, "
        "kernels, branch_dropout and weight_standardisation out, and set act_position=after_add or none and "
        "branch_init=normal, skipinit or layer_scale",
    ),
    (
        lambda s: s.preactivation != Preactivation.NONE and _moved(s),
        "preactivation puts norm and activation before the weights, so norm_position and act_position have "
        "nothing to place: leave them at before_add and after_add, or set preactivation=none",
    ),
    (
        lambda s: s.norm == Norm.NONE and s.norm_position == NormPosition.AFTER_ADD,
        "norm=none leaves nothing to place after the addition: set norm_position=before_add or choose a norm",
    ),
    (
        lambda s: s.norm == Norm.NONE and s.preactivation == Preactivation.FULL,
        "norm=none makes preactivation=full the same block as relu_only: set preactivation=relu_only or choose a norm",
    ),
    (
        lambda s: s.preactivation == Preactivation.FULL and _shares_lead_everywhere(s),
        "a projection of the pre-activated input in every block makes preactivation=full the same network as "
        "norm_position=after_add: set projection_tap=raw, or shortcut=B",
    ),
    (
        lambda s: s.preactivation == Preactivation.RELU_ONLY and _shares_lead_everywhere(s),
        "a projection of the pre-activated input in every block makes preactivation=relu_only the same network as "
        "none: set projection_tap=raw, or shortcut=B",
    ),
    (
        lambda s: (
            s.projection_tap == ProjectionTap.RAW
            and (s.preactivation == Preactivation.NONE or s.shortcut not in PROJECTIONS)
        ),
        "projection_tap=raw needs a projection and a pre-activation to choose between: set projection_tap=preactivated",
    ),
    (
        lambda s: (
            s.shortcut == Shortcut.NONE
            and (
                s.preactivation != Preactivation.NONE
                or s.norm_position != NormPosition.BEFORE_ADD
                or s.act_position == ActPosition.BEFORE_ADD
            )
        ),
        "shortcut=none leaves no addition to place anything around: set norm_position=before_add, "
        "preactivation=none and act_position=after_add or none",
    ),
    (
        lambda s: s.shortcut == Shortcut.NONE and (s.drop_path > 0 or s.branch_init != BranchInit.NORMAL),
        "shortcut=none leaves nothing beside the branch, so it can neither be skipped nor start at zero: "
        "set drop_path=0 and branch_init=normal",
    ),
    (
        lambda s: s.shortcut == Shortcut.CONSTANT_SCALING and s.shortcut_scale == s.branch_scale == 1,
        "constant_scaling by 1 and 1 scales nothing: set shortcut=A",
    ),
    (
        lambda s: s.shortcut == Shortcut.CONV1X1 and s.norm == Norm.NONE,
        "norm=none makes shortcut=conv1x1 the same as C: set shortcut=C",
    ),
    (
        lambda s: (
            s.shortcut == Shortcut.CONV1X1
            and (s.norm_position == NormPosition.AFTER_ADD or s.preactivation == Preactivation.FULL)
        ),
        "with this placement C has no norm of its own, which makes shortcut=conv1x1 the same: set shortcut=C",
    ),
    (
        lambda s: s.downsample in SEPARATE_CONVS and s.shortcut not in (Shortcut.A, Shortcut.NONE),
        "downsample=separate_conv and separate_conv_each leave every block its shape and have identity shortcuts only: "
        "set shortcut=A, or downsample=in_block",
    ),
    (
        lambda s: s.stride_on == StrideOn.CONV1 and s.kind != BlockKind.BOTTLENECK,
        "stride_on is read by bottlenecks only: set kind=bottleneck, or stride_on=conv2",
    ),
    (
        lambda s: s.stride_on == StrideOn.CONV1 and s.downsample in SEPARATE_CONVS,
        "downsample=separate_conv and separate_conv_each leave no block a stride to place: set stride_on=conv2, "
        "or downsample=in_block",
    ),
    (
        lambda s: s.branch_init == BranchInit.ZERO_LAST and s.act_position == ActPosition.BEFORE_ADD,
        "an activation after the branch's last layer would pass no gradient from zero: "
        "set branch_init=skipinit, or another act_position",
    ),
    (
        lambda s: s.branch_init == BranchInit.SKIPINIT_BIASES and s.norm != Norm.NONE,
        "branch_init=skipinit_biases gives convolutions the biases that a norm would subtract again: set norm=none, "
        "or branch_init=skipinit",
    ),
    (
        lambda s: s.branch_init in FIXUPS and (s.norm != Norm.NONE or s.preactivation != Preactivation.NONE),
        "branch_init=fixup replaces the norms of a post-activation block: set norm=none and preactivation=none",
    ),
    (
        lambda s: (
            s.branch_init in FIXUPS and (s.act_position != ActPosition.AFTER_ADD or s.attention != Attention.NONE)
        ),
        "branch_init=fixup is defined for the baseline's order of operations: "
        "set act_position=after_add and attention=none",
    ),
    (
        lambda s: (
            s.branch_init == BranchInit.FIXUP_AUTHORS
            and (s.shortcut not in (Shortcut.A, Shortcut.B) or s.downsample != Downsample.IN_BLOCK)
        ),
        "branch_init=fixup_authors is defined for the shortcuts of its authors' code: "
        "set shortcut=A or B and downsample=in_block, or branch_init=fixup",
    ),
    (
        lambda s: (s.remove_first_act or s.last_norm) and s.preactivation != Preactivation.FULL,
        "remove_first_act and last_norm change a full pre-activation: set preactivation=full, or leave them out",
    ),
    (
        lambda s: not KERNEL_SIZES.issuperset(str(s.kernels)),
        "kernels has a digit of 1, 3, 5 or 7 for each convolution: set kernels=33, or kernels=313",
    ),
    (
        lambda s: s.kernels != 33 and s.kind != BlockKind.BASIC,
        "kernels is read by basic blocks only: set kind=basic, or kernels=33",
    ),
    (
        lambda s: s.branch_dropout > 0 and len(s.branch_kernels) == 1,
        "branch_dropout stands between two convolutions: set kernels=33, or branch_dropout=0",
    ),
    (
        lambda s: (
            s.layer_scale_start != _defaults(type(s))["layer_scale_start"]  # type: ignore[arg-type]  # as above
            and s.branch_init != BranchInit.LAYER_SCALE
        ),
        "layer_scale_start is read by one start only: set branch_init=layer_scale, or leave layer_scale_start out",
    ),
    (
        lambda s: s.weight_standardisation and s.branch_init in FIXUPS,
        "weight_standardisation undoes the scale at which fixup starts its filters: set branch_init=skipinit, or "
        "weight_standardisation=false",
    ),
    (
        lambda s: s.weight_standardisation and s.branch_init == BranchInit.ZERO_LAST and _ends_with_a_convolution(s),
        "weight_standardisation divides a filter at zero by its own size: set branch_init=skipinit, or "
        "weight_standardisation=false",
    ),
)
