"""Which step of a reproduction buys what? Adam, SGD, crop and flip, BN before the addition, n=7, the ReLU there too.

    python -m studies.reproduction_ladder                                      about 3 minutes on 2 cores
    python -m studies.reproduction_ladder --scale cpu --data-dir DIR           about 25 minutes on 2 cores: see below
    python -m studies.reproduction_ladder --scale paper --data-dir DIR         30 runs of 64k iterations: a GPU

A ladder: each rung keeps the changes of those before it. It is that of one public reproduction of ResNet-32, in its own
reading of the net: Adam at 1e-3, the norm after the addition, no augmentation, images in [0, 1] as they are, identity
shortcuts alone, and a stride-2 convolution of its own after each of the three stages, the third before the pooling
(--set model.block.downsample=in_block has the paper's). The last rung is its proposal that it never tried: the ReLU
before the addition too. What is added is then not negative, so that the ReLU after it changes nothing and is left out.

Expect, from that reproduction and by its protocol (test accuracy %, CIFAR-10, single runs; in brackets training
accuracy): without augmentation Adam 61 (85) and SGD 87.5 (100); crop and flip "no big gain"; with them BN before the
addition 89 to 90.4, and 44 layers up to 91. At another protocol, such as normalised images or strides inside the
blocks, these figures are not to be expected. He et al. 2016, table 2, have 7.84 % error with the ReLU before the
addition and 6.61 without (ResNet-110, median of 5): the last rung is expected to lose.

Scale cpu is the ladder of 8 and 14 layers on 10,000 images of CIFAR-10, 1,170 steps each, two seeds: which rungs show a
difference at all so early; its errors are far above the figures, and no verdict can be pronounced.
"""

from resnet_lab.spec import DatasetName
from resnet_lab.spec.choices import Value
from studies.plan.design import Design
from studies.plan.study import Scale, Study

THEIRS: dict[str, Value] = {"model.block.downsample": "separate_conv_each", "data.normalise": "none"}

STUDY = Study(
    name="reproduction_ladder",
    question="Which step of a reproduction buys what?",
    arm={
        "recipe.optimizer": ("adam", "sgd"),
        "recipe.augmentation": ("none", "crop_flip"),
        "model.block.norm_position": ("after_add", "before_add"),
        "model.depth": (32, 44),
        "model.block.act_position": ("after_add", "before_add"),
    },
    design=Design.LADDER,
    implies={("recipe.optimizer", "adam"): {"recipe.lr": 1e-3, "recipe.warmup_lr": 1e-4}},
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={}, seeds=(0, 1, 2, 3, 4), epochs=8, changes=THEIRS),
        "cpu": Scale(
            dataset=DatasetName.CIFAR10,
            context={},
            seeds=(0, 1),
            epochs=15,
            arm={"model.depth": (8, 14)},
            changes={**THEIRS, "data.train_images": 10_000, "recipe.warmup": "linear"},
        ),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={}, seeds=(0, 1, 2, 3, 4), changes=THEIRS),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
