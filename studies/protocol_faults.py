"""How many points does this bug cost, or flatter? Twelve faults of public notebooks, each against the correct protocol.

    python -m studies.protocol_faults                                          about 3 minutes on 2 cores
    python -m studies.protocol_faults --set recipe.trained=last_stage recipe.weights=CHECKPOINT     all twelve
    python -m studies.protocol_faults --dataset mnist --data-dir DIR --set data.train_images=4000
    python -m studies.protocol_faults --scale paper --data-dir DIR             55 runs of 64k iterations: a GPU

Every arm has one fault and otherwise the same run, at the same seeds; `protocol.*` are its switches, and no other study
takes one without --accept-faults. Two of the twelve, a frozen backbone in train mode and a partial load, have a meaning
only where a backbone is loaded and frozen: without `recipe.weights` they are left out, with the reason. The correct
protocol follows the plateau of the validation error and keeps the epoch of the least, so that every other fault has
something to spoil.

Expect, from what the literature says of each or by its nature (+ costs test error, - flatters it):
train() never called again (+, or divergence: Ioffe and Szegedy 2015, arXiv 1502.03167, section 2, saw models blow
up whose gradient knows nothing of the statistics); test images augmented (+); frozen backbone in train mode (+, small
where images are alike); loss over steps - 1 (0: the reported training loss is n/(n-1) of itself); best test epoch (-);
validation = test (-); 8 of 727 tensors loaded (+, most of all: one text has 14.52 % accuracy so, and 86.98 with another
backbone, loaded whole); 1,000 classes (0 or a little +: one text has 98.36 % on MNIST); plateau of the test error (0 or
-); schedule never stepped (+); no normalisation (0 or +: batch norms undo most of it); seeds of the arms' own (0 on
average, and a wider interval: the pairing warns).
"""

from resnet_lab.spec import DatasetName
from studies.plan.design import Design
from studies.plan.study import Scale, Study

STUDY = Study(
    name="protocol_faults",
    question="How many points does this bug cost, or flatter?",
    arm={
        "protocol.train_mode": ("every_epoch", "first_epoch"),
        "protocol.test_view": ("original", "augmented"),
        "protocol.frozen_mode": ("eval", "train"),
        "protocol.loss_mean": ("steps", "steps_less_1"),
        "protocol.reported": ("selected", "best_test"),
        "protocol.validation": ("held_out", "test"),
        "protocol.loaded": (1.0, 0.011),  # 8 of 727 tensors
        "protocol.head_classes": ("own", "1000"),
        "protocol.plateau": ("validation", "test"),
        "protocol.schedule": ("stepped", "never_stepped"),
        "protocol.normalisation": ("applied", "forgotten"),
        "protocol.seeding": ("paired", "unpaired"),
    },
    design=Design.ONE_FACTOR,
    accepts_faults=True,
    scales={
        "quick": Scale(
            dataset=DatasetName.DIGITS,
            context={},
            seeds=(0, 1, 2, 3, 4),
            epochs=8,
            changes={
                "model.depth": 8,
                "recipe.schedule": "plateau",
                "recipe.plateau_patience": 0,
                "recipe.select": "best_validation",
            },
        ),
        "paper": Scale(
            dataset=DatasetName.CIFAR10,
            context={},
            seeds=(0, 1, 2, 3, 4),
            changes={"recipe.schedule": "plateau", "recipe.plateau_patience": 10, "recipe.select": "best_validation"},
        ),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
