"""Where does the last ReLU belong: after the addition, before it, before the weights, or nowhere?

    python -m studies.relu_placement                                           about 2 minutes on 2 cores
    python -m studies.relu_placement --scale paper --data-dir DIR              40 runs of 64k iterations: a GPU

Four arms that keep every norm in its place (He et al. 2016, fig. 4a, 4c and 4d) or drop the ReLU (Torch blog 2016),
at two depths. Before the addition a branch can only add what is not negative.

Expect (test error %, CIFAR-10): ResNet-110 6.61 after, 7.84 before, 6.71 before the weights (median of 5; He et al.
2016, table 2). Without a ReLU, one run each (Torch blog 2016; Nesterov, 200 epochs, not this study's protocol):
ResNet-20 8.62 against 8.29 after the addition, ResNet-110 6.32 against 6.97.
"""

from resnet_lab.spec import DatasetName
from studies.plan.design import Design
from studies.plan.study import Scale, Study

STUDY = Study(
    name="relu_placement",
    question="Where does the last ReLU belong?",
    arm={
        "model.block.act_position": ("after_add", "before_add", "none"),
        "model.block.preactivation": ("none", "relu_only"),
    },
    design=Design.ONE_FACTOR,
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20, 44)}, seeds=(0, 1, 2, 3, 4), epochs=6),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (20, 110)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
