"""Does stochastic depth make networks that can do without a block?

    python -m studies.lesion_robustness                                        about 3 minutes on 2 cores
    python -m studies.lesion_robustness --scale paper --data-dir DIR           20 runs of 64k iterations: a GPU

Networks are trained with and without stochastic depth at two depths, then each block of each is deleted in turn. The
second table, figure and section of the report hold the mean damage of a deletion, in points of test error.

Expect: nets trained with stochastic depth to lose less by a deletion, deep nets less than shallow ones (Veit et al.
2016, section 4.1: for 54 blocks a deletion hardly moves the error). No published figure for the difference.
"""

from resnet_lab.spec import DatasetName
from studies.plan.study import Scale, Study
from studies.results.lesion_damage import LESIONS

STUDY = Study(
    name="lesion_robustness",
    question="Does stochastic depth make networks that can do without a block?",
    arm={"model.block.drop_path": (0.0, 0.5)},
    measures=(LESIONS,),
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20, 44)}, seeds=(0, 1, 2, 3, 4), epochs=8),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (20, 110)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
