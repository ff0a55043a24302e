"""Does activation before the weights help, and more so in deeper nets? Table 3 of He et al. 2016.

    python -m studies.preactivation                                            about 2 minutes on 2 cores
    python -m studies.preactivation --scale paper --data-dir DIR               30 runs of 64k iterations: a GPU

Three arms: the original block, ReLU-only and full pre-activation, at two depths. As published, depths 164 and 1001
are made of bottlenecks that project where the size changes; 1001 is asked for by --set model.depth=1001.

Expect (test error %, CIFAR-10, median of 5 runs; He et al. 2016, tables 2 and 3; original, ReLU-only, full):
ResNet-110 6.61, 6.71, 6.37; ResNet-164 5.93, 5.91, 5.46; ResNet-1001 7.61 original and 4.92 full. On CIFAR-100
(--dataset cifar100) ResNet-164 25.16 and 24.33, ResNet-1001 27.82 and 22.71.
"""

from resnet_lab.spec import DatasetName
from resnet_lab.spec.choices import Value
from studies.plan.study import Scale, Study

BOTTLENECKS: dict[str, Value] = {"model.block.kind": "bottleneck", "model.block.shortcut": "B"}

STUDY = Study(
    name="preactivation",
    question="Does activation before the weights help, and more so in deeper nets?",
    arm={"model.block.preactivation": ("none", "relu_only", "full")},
    implies={("model.depth", depth): BOTTLENECKS for depth in (164, 1001)},
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20, 44)}, seeds=(0, 1, 2, 3, 4), epochs=6),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (110, 164)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
