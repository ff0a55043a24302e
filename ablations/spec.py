"""The switches of a residual block. The default of each is the baseline of He et al. 2015 (arXiv 1512.03385)."""

from collections.abc import Callable
from enum import StrEnum

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

FROZEN = ConfigDict(extra="forbid", allow_inf_nan=False)


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


class Shortcut(StrEnum):
    A = "A"
    B = "B"
    C = "C"
    NONE = "none"


class BlockKind(StrEnum):
    BASIC = "basic"
    BOTTLENECK = "bottleneck"


class Norm(StrEnum):
    BATCH = "batch"
    GROUP = "group"
    LAYER = "layer"
    NONE = "none"


class Activation(StrEnum):
    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    ELU = "elu"
    GELU = "gelu"
    SILU = "silu"


@dataclass(frozen=True, slots=True, kw_only=True, config=FROZEN)
class BlockSpec:
    """One residual block: `after(shortcut(x) + branch(x))`.

    Raises a `pydantic.ValidationError` (a ValueError) for an unknown value, and for a combination that means
    nothing or builds the same network as a simpler one; the sentence says what to change.
    """

    norm_position: NormPosition = NormPosition.BEFORE_ADD
    """Last norm of the branch: before or after the addition (He et al. 2016, fig. 4b)."""
    act_position: ActPosition = ActPosition.AFTER_ADD
    """Last activation: after the addition, before it (He et al. 2016, fig. 4c), or none (Torch blog 2016)."""
    preactivation: Preactivation = Preactivation.NONE
    """Activation before the weights: none, the ReLU alone, or norm and ReLU (He et al. 2016, fig. 4d, 4e)."""
    shortcut: Shortcut = Shortcut.A
    """A zero-pads, B projects where the shape changes, C projects everywhere, none makes a plain net."""
    kind: BlockKind = BlockKind.BASIC
    """Two 3x3 convolutions, or a 1x1-3x3-1x1 bottleneck of expansion 4 (He et al. 2015, fig. 5)."""
    norm: Norm = Norm.BATCH
    """Normalisation: batch, group (at most 32 groups), layer (one group), or none."""
    activation: Activation = Activation.RELU
    """The non-linearity, everywhere in the network."""

    def __post_init__(self) -> None:
        for applies, sentence in _REFUSALS:
            if applies(self):
                raise ValueError(sentence)


def _moved(spec: BlockSpec) -> bool:
    """Whether the last norm or activation has left its baseline place."""
    return spec.norm_position != NormPosition.BEFORE_ADD or spec.act_position != ActPosition.AFTER_ADD


# Each row: when it applies, and the sentence that says what to change.
_REFUSALS: tuple[tuple[Callable[[BlockSpec], bool], str], ...] = (
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
)
