"""Is anything better on the shortcut than nothing? Table 1 of He et al. 2016, every row.

    python -m studies.he2016_shortcuts                                         about 4 minutes on 2 cores
    python -m studies.he2016_shortcuts --scale paper --data-dir DIR            80 runs of 64k iterations: a GPU
    python -m studies.he2016_shortcuts --set model.block.shortcut=A,conv1x1    some of the rows

Sixteen arms, the rows of the table, with the figure to expect for each.

Expect (test error %, CIFAR-10, ResNet-110, median of 5 runs; He et al. 2016, arXiv 1603.05027, table 1; "fail" is
above 20): the original identity 6.61. Constant scaling, on the shortcut and on the branch: 0 and 1 (a plain net,
here `none`) fail, 0.5 and 1 fail, 0.5 and 0.5 12.35. Exclusive gating by the gate's first bias: 0, -1, -2, -3, -4,
-5 fail, -6 8.70, -7 9.81. Shortcut-only gating: bias 0 12.86, -6 6.91. A 1x1 convolution on every shortcut 12.22.
Dropout 0.5 of the shortcut fails.
"""

from resnet_lab.spec import DatasetName
from resnet_lab.spec.choices import Value
from studies.plan.design import Design, levels_of
from studies.plan.study import Scale, Study


def row(shortcut: str, *, branch_scale: float = 0.5, gate_bias: float = -6.0) -> dict[str, Value]:
    """Return a row of the table; a number that its shortcut does not read is at its default."""
    return {
        "model.block.shortcut": shortcut,
        "model.block.branch_scale": branch_scale,
        "model.block.gate_bias": gate_bias,
    }


TABLE_1 = (
    row("A"),
    row("none"),
    row("constant_scaling", branch_scale=1.0),
    row("constant_scaling"),
    *(row("exclusive_gating", gate_bias=float(-bias)) for bias in range(8)),
    row("shortcut_only_gating", gate_bias=0.0),
    row("shortcut_only_gating"),
    row("conv1x1"),
    row("dropout"),
)

STUDY = Study(
    name="he2016_shortcuts",
    question="Is anything better on the shortcut than nothing?",
    arm=levels_of(TABLE_1),
    listed=TABLE_1,
    design=Design.LISTED,
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20,)}, seeds=(0, 1, 2, 3, 4), epochs=4),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (110,)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
