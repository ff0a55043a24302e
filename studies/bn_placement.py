"""Does batch norm belong before or after the addition?

    python -m studies.bn_placement                                             about 2 minutes on 2 cores
    python -m studies.bn_placement --scale paper --data-dir DIR                40 runs of 64k iterations: a GPU

Four arms: the last norm before or after the addition, with and without a ReLU after it, at two depths.

Expect (test error %, CIFAR-10, one run each; Torch blog 2016): ResNet-20 8.29 / 8.62 with the norm before the
addition (with / without ReLU) and 8.34 / 8.23 after it, which is noise; ResNet-110 6.97 / 6.32 before and
13.56 / 12.30 after it. He et al. 2016, table 2, have 6.61 before and 8.17 after (ResNet-110, median of 5).
Placement interacts with depth, which is why the study crosses the two.
"""

from resnet_lab.spec import DatasetName
from studies.plan.study import Scale, Study

STUDY = Study(
    name="bn_placement",
    question="Does batch norm belong before or after the addition?",
    arm={
        "model.block.norm_position": ("before_add", "after_add"),
        "model.block.act_position": ("after_add", "none"),
    },
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20, 44)}, seeds=(0, 1, 2), epochs=6),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (20, 110)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
