"""Do deeper nets get better, and only with shortcuts? Plain against residual nets of growing depth.

    python -m studies.depth                                                    about 2 minutes on 2 cores
    python -m studies.depth --scale paper --data-dir DIR                       50 runs of 64k iterations: a GPU

Two arms, with and without shortcuts, at each depth. Both have the same parameters (shortcut A has none), so that
the degradation of the plain nets is not one of size (He et al. 2015, section 4.2 and fig. 6).

Expect (test error %, CIFAR-10; He et al. 2015, table 6): residual 8.75, 7.51, 7.17, 6.97 with 20, 32, 44, 56 layers
(one run each), 6.61 +- 0.16 with 110 (mean and sd of 5). Plain nets get worse with depth (fig. 6); with 110 layers
they fail, above 20 (He et al. 2016, table 1, median of 5).
"""

from resnet_lab.spec import DatasetName
from studies.plan.study import Scale, Study

STUDY = Study(
    name="depth",
    question="Do deeper nets get better, and only with shortcuts?",
    arm={"model.block.shortcut": ("A", "none")},
    scales={
        "quick": Scale(
            dataset=DatasetName.DIGITS, context={"model.depth": (20, 32, 44)}, seeds=(0, 1, 2, 3, 4), epochs=6
        ),
        "paper": Scale(
            dataset=DatasetName.CIFAR10, context={"model.depth": (20, 32, 44, 56, 110)}, seeds=(0, 1, 2, 3, 4)
        ),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
