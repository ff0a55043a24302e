"""The ladder of `studies.reproduction_ladder` as it was when its rows were recorded."""

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
