"""Is anything better on the shortcut than nothing? Table 1 of He et al. 2016.

    python -m studies.he2016_shortcuts                                         about 2 minutes on 2 cores
    python -m studies.he2016_shortcuts --scale paper --data-dir DIR            30 runs of 64k iterations: a GPU

Expect (test error %, CIFAR-10, ResNet-110, median of 5 runs): identity 6.61, scaling by 0.5 and 0.5 12.35, exclusive
gating 8.70 (gate bias -6), shortcut-only gating 6.91 (bias -6), 1x1 convolution 12.22, dropout of the shortcut fails.
"""

from resnet_lab.spec import DatasetName
from studies.plan.study import Scale, Study

STUDY = Study(
    name="he2016_shortcuts",
    question="Is anything better on the shortcut than nothing?",
    arm={
        "model.block.shortcut": (
            "A",
            "constant_scaling",
            "exclusive_gating",
            "shortcut_only_gating",
            "conv1x1",
            "dropout",
        )
    },
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (32,)}, seeds=(0, 1, 2), epochs=6),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (110,)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
