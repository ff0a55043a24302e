"""Which norm does a residual network need, and does it need one?

    python -m studies.norm                                                     about 3 minutes on 2 cores
    python -m studies.norm --scale paper --data-dir DIR                        30 runs of 64k iterations: a GPU

Six arms: batch, group (at most 32 groups) and layer norm; none at the same start; and none with what its authors
put in its place, SkipInit (De and Smith 2020, arXiv 2002.10444) or Fixup (Zhang et al. 2019, arXiv 1901.09321).
Batch norm alone depends on the batch: --set recipe.batch_size=8 asks how much.

Expect (test error %, CIFAR-10): batch norm 8.75 with 20 layers and 6.97 with 56 (He et al. 2015, table 6, one run
each). For the other arms our sources have no figure that was cross-checked. On the digits, six epochs, three seeds:
batch 2.7, group 7.0, layer 10.7; without a norm 43, SkipInit 46, Fixup 59, with seeds far apart: the rate of 0.1
and its short rise were made for batch norm, and --tune gives each arm its own.
"""

from resnet_lab.spec import DatasetName
from studies.plan.design import Design, levels_of
from studies.plan.study import Scale, Study

NORM = "model.block.norm"
START = "model.block.branch_init"
ARMS = (
    *({NORM: norm, START: "normal"} for norm in ("batch", "group", "layer", "none")),
    *({NORM: "none", START: start} for start in ("skipinit_biases", "fixup")),
)

STUDY = Study(
    name="norm",
    question="Which norm does a residual network need, and does it need one?",
    arm=levels_of(ARMS),
    listed=ARMS,
    design=Design.LISTED,
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20,)}, seeds=(0, 1, 2, 3, 4), epochs=6),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (56,)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
