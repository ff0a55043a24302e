"""Does batch norm belong before or after the addition?

    python -m studies.bn_placement                                             about 2 minutes on 2 cores
    python -m studies.bn_placement --scale cpu --data-dir DIR                  a night on 2 cores: see below
    python -m studies.bn_placement --scale paper --data-dir DIR                40 runs of 64k iterations: a GPU

Four arms: the last norm before or after the addition, with and without a ReLU after it, at two depths.

Expect (test error %, CIFAR-10, one run each; Torch blog 2016): ResNet-20 8.29 / 8.62 with the norm before the
addition (with / without ReLU) and 8.34 / 8.23 after it, which is noise; ResNet-110 6.97 / 6.32 before and
13.56 / 12.30 after it: with Nesterov, 200 epochs of 50,000 images, not this study's protocol.
He et al. 2016, table 2, have 6.61 before and 8.17 after (ResNet-110, median of 5).
Placement interacts with depth, which is why the study crosses the two.

Scale cpu is 40 runs of six epochs of CIFAR-10, ResNet-20 and ResNet-56 at full width. Training costs as much as 22
million images in ResNet-20 and evaluation a twentieth of that: 6.4 hours where the cores together train 1,000 images
of ResNet-20 a second, 8 hours at 800; `--dry-run` measures the machine. The rate rises over 400 steps and falls along
a cosine, so that a run ends with what so few epochs can give. The errors lie far above the published ones, so no
verdict can be pronounced; what it can show is whether the placements differ, and whether more so in the deeper net.
"""

from resnet_lab.spec import DatasetName
from studies.plan.claims import equivalent, worse_than
from studies.plan.study import Scale, Study

CLAIMS = (
    # Of the deeper net of each scale.
    worse_than({"model.block.norm_position": "after_add", "model.depth": 44}, by=1.0),
    worse_than({"model.block.norm_position": "after_add", "model.depth": 56}, by=1.0),
    worse_than({"model.block.norm_position": "after_add", "model.depth": 110}, by=1.0),
    equivalent({"model.block.act_position": "none", "model.depth": 20}, margin=1.0),
)

STUDY = Study(
    name="bn_placement",
    question="Does batch norm belong before or after the addition?",
    arm={
        "model.block.norm_position": ("before_add", "after_add"),
        "model.block.act_position": ("after_add", "none"),
    },
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20, 44)}, seeds=(0, 1, 2, 3, 4), epochs=6),
        "cpu": Scale(
            dataset=DatasetName.CIFAR10,
            context={"model.depth": (20, 56)},
            seeds=(0, 1, 2, 3, 4),
            epochs=6,
            changes={"recipe.schedule": "cosine", "recipe.warmup": "linear"},
        ),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (20, 110)}, seeds=(0, 1, 2, 3, 4)),
    },
    claims=CLAIMS,
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
