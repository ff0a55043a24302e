"""Are the effective paths enough? Train exactly m random blocks a mini-batch against all of them.

    python -m studies.effective_paths                                          about 2 minutes on 2 cores
    python -m studies.effective_paths --scale paper --data-dir DIR             10 runs of 64k iterations: a GPU

Expect (test error %, CIFAR-10, 54 blocks, Veit et al. 2016, section 4.3): 5.96 with exactly 23 of the 54 blocks a
mini-batch, 6.10 with all. That difference takes 22 seeds an arm at an sd of 0.16.
"""

from resnet_lab.spec import DatasetName
from studies.plan.study import Scale, Study

STUDY = Study(
    name="effective_paths",
    question="Are the effective paths enough?",
    arm={"recipe.effective_blocks": (0, 23)},
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (56,)}, seeds=(0, 1, 2), epochs=6),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (110,)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
