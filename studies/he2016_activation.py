"""Where do norm and activation belong? The five placements of He et al. 2016, table 2.

    python -m studies.he2016_activation                                        about 3 minutes on 2 cores
    python -m studies.he2016_activation --scale paper --data-dir DIR           25 runs of 64k iterations: a GPU

One switch at a time from the original block: BN after the addition, ReLU before it, ReLU-only and full pre-activation.

Expect (test error %, CIFAR-10, ResNet-110, median of 5 runs; the authors' sd is 0.16): 6.61 original, 8.17, 7.84, 6.71,
6.37. ResNet-164 (--set model.depth=164 model.block.kind=bottleneck model.block.shortcut=B, with projections where the
size changes): 5.93, 6.50, 6.14, 5.91, 5.46. Five seeds separate 8.17 and 7.84 from 6.61; 6.71 would take 43 and
6.37 ten (paired test at correlation 0, power 0.8; with Holm over the four comparisons 61 and 14).
"""

from resnet_lab.spec import DatasetName
from studies.plan.design import Design
from studies.plan.study import Scale, Study

STUDY = Study(
    name="he2016_activation",
    question="Where do norm and activation belong?",
    arm={
        "model.block.norm_position": ("before_add", "after_add"),
        "model.block.act_position": ("after_add", "before_add"),
        "model.block.preactivation": ("none", "relu_only", "full"),
    },
    design=Design.ONE_FACTOR,
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (32,)}, seeds=(0, 1, 2, 3, 4), epochs=8),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (110,)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
