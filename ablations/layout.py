"""Layouts as data: one table from the placement switches to the order of operations.

Letters: `c` convolution, `n` norm, `a` activation. A baseline block reads `c n a c n | a`: branch, addition, after.
Sources: He et al. 2015; He et al. 2016 (arXiv 1603.05027), fig. 4; Torch blog 2016 for `act_position=none`.
"""

from dataclasses import dataclass

from ablations.choices import (
    FIXUPS,
    SKIPINITS,
    ActPosition,
    Attention,
    BranchInit,
    Norm,
    NormPosition,
    Preactivation,
)
from ablations.references import is_own
from ablations.spec import BlockSpec

OWN = "o"
"""Letter of a branch of one's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The order of operations around one addition, and what it implies for the network's stem and head."""

    basic: str
    """Branch of a basic block."""
    bottleneck: str
    """Branch of a bottleneck block."""
    after: str
    """Between the addition and the block's output."""
    stem: str = "na"
    """After the network's first convolution, before its first block."""
    head: str = ""
    """After the last block, before pooling."""
    projection: str = "cn"
    """A projection shortcut."""

    def branch(self, convolutions: int) -> str:
        """Return the operations of a branch of so many convolutions: the first three letters of `basic` recur."""
        return self.basic[:3] * (convolutions - 1) + self.basic[3:]


_N, _A, _P = NormPosition, ActPosition, Preactivation

# Pre-activation nets activate right after the first convolution, before the split, so their first block has no
# leading norm or activation of its own, and they activate once more after the last addition (He et al. 2016,
# section 3.2): without these two columns the comparison is confounded.
TABLE = {
    (_P.NONE, _N.BEFORE_ADD, _A.AFTER_ADD): Layout(basic="cnacn", bottleneck="cnacnacn", after="a"),
    (_P.NONE, _N.BEFORE_ADD, _A.BEFORE_ADD): Layout(basic="cnacna", bottleneck="cnacnacna", after=""),
    (_P.NONE, _N.BEFORE_ADD, _A.NONE): Layout(basic="cnacn", bottleneck="cnacnacn", after=""),
    (_P.NONE, _N.AFTER_ADD, _A.AFTER_ADD): Layout(basic="cnac", bottleneck="cnacnac", after="na", projection="c"),
    (_P.NONE, _N.AFTER_ADD, _A.BEFORE_ADD): Layout(basic="cnaca", bottleneck="cnacnaca", after="n", projection="c"),
    (_P.NONE, _N.AFTER_ADD, _A.NONE): Layout(basic="cnac", bottleneck="cnacnac", after="n", projection="c"),
    (_P.RELU_ONLY, _N.BEFORE_ADD, _A.AFTER_ADD): Layout(basic="acnacn", bottleneck="acnacnacn", after="", head="a"),
    (_P.FULL, _N.BEFORE_ADD, _A.AFTER_ADD): Layout(
        basic="nacnac", bottleneck="nacnacnac", after="", head="na", projection="c"
    ),
}


def layout_of(spec: BlockSpec) -> Layout:
    """Return the layout of a block's placement switches."""
    return TABLE[spec.preactivation, spec.norm_position, spec.act_position]


def branch_of(spec: BlockSpec) -> str:
    """Return the operations of a block's branch with the switches that act at its ends.

    `b` is a scalar shift and `m` a scalar factor (Fixup, Zhang et al. 2019, fig. 1; SkipInit, De and Smith 2020), `v` a
    factor for each channel (LayerScale), `s` squeeze-and-excitation, `d` dropout before the last convolution, `o` a
    branch of one's own.
    """
    operations = OWN if is_own(spec.kind) else layout_of(spec).branch(len(spec.branch_kernels))
    if spec.branch_init in FIXUPS:
        operations = operations.replace("n", "").replace("c", "bc").replace("a", "ba") + "mb"
    if spec.remove_first_act:
        operations = operations.replace("a", "", 1)
    if spec.last_norm:
        operations += "n"
    if spec.attention == Attention.SE:
        operations += "s"
    if spec.branch_init in SKIPINITS:
        operations += "m"
    if spec.branch_init == BranchInit.LAYER_SCALE:
        operations += "v"
    if spec.branch_dropout:
        last = operations.rindex("c")
        operations = f"{operations[:last]}d{operations[last:]}"
    return operations


def stem_of(spec: BlockSpec) -> str:
    """Return the operations after the network's first convolution, before its first block."""
    stem = layout_of(spec).stem
    return stem.replace("a", "ba") if spec.branch_init == BranchInit.FIXUP_AUTHORS else stem


def head_of(spec: BlockSpec) -> str:
    """Return the operations after the last block. Fixup's shift of the pooled features is one of the plane before."""
    head = layout_of(spec).head
    return head + "b" if spec.branch_init == BranchInit.FIXUP_AUTHORS else head


def leading(operations: str) -> str:
    """Return what stands before the first convolution: the norm and activation of a pre-activation, Fixup's shift."""
    return "" if operations.startswith(OWN) else operations[: operations.index("c")]


def describe(spec: BlockSpec) -> str:
    """Return the block's order of operations as text, such as `c n a c n | a`."""
    branch, after = branch_of(spec), layout_of(spec).after
    if spec.norm == Norm.NONE:
        branch, after = branch.replace("n", ""), after.replace("n", "")
    return f"{' '.join(branch)} | {' '.join(after)}".strip()


if __name__ == "__main__":
    raise SystemExit("error: ablations.layout is no command: use python -m ablations")
