"""Which step of a reproduction buys what? Adam -> SGD -> crop and flip -> BN before the addition -> a deeper net.

    python -m studies.reproduction_ladder                                      about a minute on 2 cores
    python -m studies.reproduction_ladder --scale paper --data-dir DIR         25 runs of 64k iterations: a GPU

A ladder: each rung keeps the changes of those before it. It starts where one public reproduction of ResNet-32 started:
Adam at 1e-3, the norm after the addition, no augmentation, images as they are, and a stride-2 convolution of its own
between stages. (The reproduction has a third such convolution before the pooling, left out here:
--set model.block.downsample=separate_conv_each has it.)

Expect, from that single reproduction and by its protocol (test accuracy %, CIFAR-10; in brackets training accuracy):
without augmentation Adam 61 (85) and SGD 87.5 (100); crop and flip "no big gain"; with them BN before the addition 89
to 90.4, and 44 layers up to 91. At another protocol, such as normalised images or strides inside the blocks, these
figures are not to be expected.
"""

from resnet_lab.spec import DatasetName
from studies.plan.design import Design
from studies.plan.study import Scale, Study

THEIRS = {"model.block.downsample": "separate_conv", "data.normalise": "none"}

STUDY = Study(
    name="reproduction_ladder",
    question="Which step of a reproduction buys what?",
    arm={
        "recipe.optimizer": ("adam", "sgd"),
        "recipe.augmentation": ("none", "crop_flip"),
        "model.block.norm_position": ("after_add", "before_add"),
        "model.depth": (32, 44),
    },
    design=Design.LADDER,
    implies={("recipe.optimizer", "adam"): {"recipe.lr": 1e-3, "recipe.warmup_lr": 1e-4}},
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={}, seeds=(0, 1, 2), epochs=8, changes=THEIRS),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={}, seeds=(0, 1, 2, 3, 4), changes=THEIRS),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
