"""Ablations of a residual block: the switches, and the factory that builds a block from them.

The switches import without torch, so that command lines answer at once; `build_block` loads torch on first use.
"""

from typing import TYPE_CHECKING, Any

from ablations.choices import Activation, ActPosition, BlockKind, Norm, NormPosition, Preactivation, Shortcut
from ablations.references import own
from ablations.spec import BlockSpec

if TYPE_CHECKING:
    from ablations.block import ResidualBlock, build_block
    from ablations.own_parts import check_block

__all__ = [
    "ActPosition",
    "Activation",
    "BlockKind",
    "BlockSpec",
    "Norm",
    "NormPosition",
    "Preactivation",
    "ResidualBlock",
    "Shortcut",
    "build_block",
    "check_block",
    "own",
]


def __getattr__(name: str) -> Any:
    if name in ("build_block", "ResidualBlock"):
        from ablations import block

        return getattr(block, name)
    if name == "check_block":
        from ablations.own_parts import check_block

        return check_block
    raise AttributeError(f"module 'ablations' has no attribute {name!r}")
