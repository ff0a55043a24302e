"""Do placement of the norm, placement of the ReLU and the shortcut interact? A 2x2x2 factorial.

    python -m studies.placement_factorial                                      about 3 minutes on 2 cores
    python -m studies.placement_factorial --design fractional                  half of it, with its aliases
    python -m studies.placement_factorial --scale paper --data-dir DIR         40 runs of 64k iterations: a GPU

Expect: main effects of both placements that grow with depth (Torch blog 2016), and no published figure for the
interaction with the shortcut.
"""

from resnet_lab.spec import DatasetName
from studies.plan.study import Scale, Study

STUDY = Study(
    name="placement_factorial",
    question="Do norm placement, ReLU placement and shortcut interact?",
    arm={
        "model.block.norm_position": ("before_add", "after_add"),
        "model.block.act_position": ("after_add", "none"),
        "model.block.shortcut": ("A", "B"),
    },
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20,)}, seeds=(0, 1, 2, 3, 4), epochs=8),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (56,)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
