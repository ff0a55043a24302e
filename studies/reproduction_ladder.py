"""Which step of a reproduction buys what? Adam -> SGD -> BN before the addition -> a deeper net.

    python -m studies.reproduction_ladder                                      about a minute on 2 cores
    python -m studies.reproduction_ladder --scale paper --data-dir DIR         20 runs of 64k iterations: a GPU

A ladder: each rung keeps the changes of those before it. It starts where one public reproduction of ResNet-32 started,
with Adam at 1e-3 and the norm after the addition.

Expect, from that single reproduction (test accuracy %, CIFAR-10): Adam 61, SGD 87.5, BN before the addition 89 to 90.4,
44 layers up to 91.
"""

from resnet_lab.spec import DatasetName
from studies.plan.design import Design
from studies.plan.study import Scale, Study

STUDY = Study(
    name="reproduction_ladder",
    question="Which step of a reproduction buys what?",
    arm={
        "recipe.optimizer": ("adam", "sgd"),
        "model.block.norm_position": ("after_add", "before_add"),
        "model.depth": (32, 44),
    },
    design=Design.LADDER,
    implies={("recipe.optimizer", "adam"): {"recipe.lr": 1e-3, "recipe.warmup_lr": 1e-4}},
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={}, seeds=(0, 1, 2), epochs=8),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
