"""Does a network get better by training without some of its blocks? Stochastic depth, Huang et al. 2016.

    python -m studies.stochastic_depth                                         about 3 minutes on 2 cores
    python -m studies.stochastic_depth --scale paper --data-dir DIR            15 runs of 176k iterations: a GPU

Three arms: the chance that the last block is skipped is 0, 0.2 or 0.5, falling linearly to the first block's.

Expect (test error %, CIFAR-10, ResNet-110; Huang et al. 2016, arXiv 1603.09382, table 1, one run each): 5.25 with
0.5 against 6.41 without, after 500 epochs, at the best validation epoch. Scale paper is that protocol: Nesterov, no
warm-up, the shortcut by 2x2 average pooling and zero channels, minus each pixel's mean. It regularises: in the few
epochs of scale quick, where nothing is overfitted, expect it to cost error.
"""

from resnet_lab.spec import DatasetName
from studies.plan.study import Scale, Study

STUDY = Study(
    name="stochastic_depth",
    question="Does a network get better by training without some of its blocks?",
    arm={"model.block.drop_path": (0.0, 0.2, 0.5)},
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20, 44)}, seeds=(0, 1, 2, 3, 4), epochs=8),
        "paper": Scale(
            dataset=DatasetName.CIFAR10,
            context={"model.depth": (110,)},
            seeds=(0, 1, 2, 3, 4),
            changes={
                "model.block.shortcut": "avg_pool",
                "data.normalise": "per_pixel",
                "recipe.optimizer": "nesterov",
                "recipe.iterations": 176_000,
                "recipe.warmup": "none",
                "recipe.select": "best_validation",
            },
        ),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
