"""Does it matter how a shortcut changes shape, or whether it is there at all? Options A, B, C and a plain net.

    python -m studies.shortcut_type                                            about 3 minutes on 2 cores
    python -m studies.shortcut_type --scale paper --data-dir DIR               40 runs of 64k iterations: a GPU

Four arms: A pads with zeros, B projects where the shape changes, C projects everywhere, none has no shortcut. The
audit lists what the projections cost in parameters; --match parameters gives them controls.

Expect (test error %, CIFAR-10; He et al. 2015, table 6, shortcut A): ResNet-20 8.75, ResNet-110 6.61 +- 0.16 (mean
and sd of 5 runs); the plain 110-layer net above 20 (median of 5; He et al. 2016, table 1). B and C were published
on ImageNet alone (10-crop top-1, He et al. 2015, table 3): 34 layers plain 28.54, A 25.03, B 24.52, C 24.19.
"""

from resnet_lab.spec import DatasetName
from studies.plan.study import Scale, Study

STUDY = Study(
    name="shortcut_type",
    question="Does it matter how a shortcut changes shape, or whether it is there at all?",
    arm={"model.block.shortcut": ("A", "B", "C", "none")},
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20, 44)}, seeds=(0, 1, 2, 3, 4), epochs=6),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (20, 110)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
