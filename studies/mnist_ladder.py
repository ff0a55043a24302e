"""From a CNN to a ResNet on MNIST: which of six steps buys what?

    python -m studies.mnist_ladder                                             about 5 minutes on 2 cores
    python -m studies.mnist_ladder --only cnn_64 resnet                        some of the rungs
    python -m studies.mnist_ladder --scale paper --data-dir DIR                21 runs of 2k to 11k iterations: a GPU

Each rung is a network with the recipe of the text that climbed them, and stands alone: `--only` takes their names.
cnn_64, cnn_256, cnn_512: two convolutions, 8,550 parameters, SGD at momentum 0.5, batches of 64 (rate 0.01, 10
epochs), 256 and 512 (0.04, 20 epochs). deep: four convolutions, 232,554 parameters, dropout, shift and rotation,
RMSprop at 1e-3, the rate halved where the validation error stalls for 3 epochs, Kaiming by fan-out, 100 epochs.
resnet: [2, 2, 2] blocks of 16-32-64 and a hidden layer with layer norm, rate 0.04, 20 epochs. resnet18, resnet101:
torchvision's networks on the grey channel three times, rate 0.001, 50 epochs. Batches are of 512 where the text states
none. `--log-batches` draws the training accuracy of every mini-batch; the seconds of an epoch are among the costs.

Scale paper: images by the fixed mean .1307 and sd .3081; all 60,000 are trained on but under the plateau, which needs
held-out images, so that its verdict is "protocol differs". On a CPU take --precision fp32: the small CNN's bf16 is six
times as slow. One seed of the three CNN rungs is 8 minutes of one core. Scale quick is the 1,257 digits at 28 pixels
without resnet101: it shows that every rung trains; its few steps of 512 images decide nothing.

Expect (test accuracy %, single runs of the text): cnn_64 99.11; cnn_256 99.01 (best epoch on the test images 99.07);
cnn_512 99.00 (99.03), 5.77 s an epoch; deep 99.30 (99.51); resnet 99.30; resnet18 98.36 and resnet101 97.50, with
their 1,000-way heads, a fault that these options repeat: `--scale paper --only resnet18 resnet101 --set
protocol.head_classes=1000 --accept-faults`.
"""

from resnet_lab.spec import DatasetName
from resnet_lab.spec.choices import Value
from studies.plan.design import Cell, Design, levels_of
from studies.plan.study import Scale, Study

BATCH = "recipe.batch_size"
NAME = "model.name"
DEPTH = "model.depth"


def rung(batch_size: int, name: str, depth: int = 20) -> Cell:
    """Return a rung; networks of one depth are at the default, which they do not read."""
    return {BATCH: batch_size, NAME: name, DEPTH: depth}


RUNGS = {
    "cnn_64": rung(64, "mnist_cnn"),
    "cnn_256": rung(256, "mnist_cnn"),
    "cnn_512": rung(512, "mnist_cnn"),
    "deep": rung(512, "mnist_cnn_deep"),
    "resnet": rung(512, "mnist_resnet"),
    "resnet18": rung(512, "imagenet_resnet", 18),
    "resnet101": rung(512, "imagenet_resnet", 101),
}
TORCHVISION: dict[str, Value] = {
    "model.width": 64,
    "model.stem": "imagenet",
    "model.block.shortcut": "B",
    "data.rgb": True,
    "recipe.lr": 1e-3,
    "recipe.init": "kaiming_fan_out",
    "recipe.iterations": 5_900,
}
DEEP: dict[str, Value] = {
    "data.trainval": False,
    "recipe.optimizer": "rmsprop",
    "recipe.lr": 1e-3,
    "recipe.schedule": "plateau",
    "recipe.lr_decay": 0.5,
    "recipe.plateau_patience": 3,
    "recipe.augmentation": "shift_rotate",
    "recipe.init": "kaiming_fan_out",
    "recipe.iterations": 10_700,
}
RECIPE: dict[str, Value] = {
    "recipe.momentum": 0.5,
    "recipe.weight_decay": 0.0,
    "recipe.schedule": "constant",
    "recipe.warmup": "none",
    "recipe.augmentation": "none",
    "recipe.init": "default",
}

STUDY = Study(
    name="mnist_ladder",
    question="From a CNN to a ResNet on MNIST: which step buys what?",
    arm=levels_of(tuple(RUNGS.values())),
    listed=tuple(RUNGS.values()),
    names=tuple(RUNGS),
    design=Design.LISTED,
    # An epoch of the text has a last, smaller batch, an epoch here has none: lengths are in the text's steps.
    implies={
        (BATCH, 64): {"recipe.lr": 0.01, "recipe.iterations": 9_380},
        (BATCH, 256): {"recipe.lr": 0.04, "recipe.iterations": 4_700},
        (BATCH, 512): {"recipe.lr": 0.04, "recipe.iterations": 2_360},
        (NAME, "mnist_cnn_deep"): DEEP,
        (NAME, "imagenet_resnet"): TORCHVISION,
        (DEPTH, 101): {"model.block.kind": "bottleneck"},
    },
    scales={
        "quick": Scale(
            dataset=DatasetName.DIGITS,
            context={},
            seeds=(0, 1, 2, 3, 4),
            epochs=4,
            changes={**RECIPE, "data.size": 28},
            arm={DEPTH: (20, 18)},
        ),
        "paper": Scale(
            dataset=DatasetName.MNIST,
            context={},
            seeds=(0, 1, 2),
            changes={**RECIPE, "data.normalise": "fixed", "data.trainval": True},
        ),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
