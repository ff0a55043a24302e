"""Are the effective paths enough? Train exactly m random blocks a mini-batch against all of them.

    python -m studies.effective_paths                                          about 8 minutes on 2 cores
    python -m studies.effective_paths --scale paper --data-dir DIR             20 runs of 64k iterations: a GPU

Four arms: the full network, and m of its B blocks a mini-batch, tested with all B in three ways. `scaled`: each branch
times m/B, as stochastic depth does. `recalibrated`: batch-norm statistics estimated again on training images with every
block. `unscaled`: neither, a network that no step has trained. Both scales draw the paper's share: 12 of 27, 23 of 54.

Expect (test error %, CIFAR-10, 54 blocks, Veit et al. 2016, section 4.3): 5.96 with exactly 23 of the 54 blocks a
mini-batch, 6.10 with all; what their network was at test, our sources do not say. That difference takes 23 seeds an
arm at an sd of 0.16 (paired test; 31 with Holm over three comparisons). Unscaled is expected to be far off: on the
digits at 12 of 27, 1,000 steps and three seeds 87.5 to 90.8, where scaled has 7.2 to 19.4 and recalibrated 6.7 to
20.0 (benchmarks/NOTES.md).
"""

from resnet_lab.spec import DatasetName
from studies.plan.design import Design
from studies.plan.study import Scale, Study

STUDY = Study(
    name="effective_paths",
    question="Are the effective paths enough?",
    arm={
        "recipe.effective_blocks": (0, 23),
        "recipe.effective_test": ("scaled", "recalibrated", "unscaled"),
    },
    # The full network has one way to be tested: the number of blocks changes first, then the way.
    design=Design.LADDER,
    scales={
        "quick": Scale(
            dataset=DatasetName.DIGITS,
            context={"model.depth": (56,)},
            arm={"recipe.effective_blocks": (0, 12)},
            seeds=(0, 1, 2, 3, 4),
            epochs=20,
        ),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (110,)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
