"""What does a backbone bring that was trained on other images, and how much of it has to be trained again?

    python -m studies.transfer                                                 about 3 minutes on 2 cores
    python -m studies.transfer --set recipe.weights=none,CHECKPOINT            a backbone of your own: resnet_lab.train
    python -m studies.transfer --dataset folder --data-dir DIR --set data.size=64 recipe.weights=none,CHECKPOINT
    python -m studies.transfer --scale paper --data-dir DIR                    ResNet-50 and DenseNet-121, Oxford pets

Arms: where the backbone starts (drawn, ImageNet's weights, or a checkpoint) by what is trained: the head, the head and
every norm, the head and the last stage, or all. What is not trained is frozen, its norms as at test; under a frozen
backbone the features are computed once, so that twenty epochs of a head cost little more than one pass. Every launch
prints how much of the network the weights fill, and refuses a file that fills a part. Each trial's folder keeps the
checkpoint and, under evaluation/, accuracy by class and the confusion matrix. The head is a hidden layer of
2^(11 - floor(log2(floor(sqrt(2048/C))))) units for C classes, trained by Adam at 2e-4, 32 images a step, 20 epochs.

Expect (test accuracy %, single runs of one text, ImageNet's weights and a trained head): Flowers of 5 classes
ResNet-50 90.11 and DenseNet-121 64.29, Oxford-IIIT Pet with 30 breeds 86.98 and 14.52, CIFAR-10 at 224 pixels 63.89 and
42.23. Its DenseNet had 8 of 727 tensors filled, unnoticed: a random network, frozen, which `none` with `head` is here.
"""

from resnet_lab.spec import DatasetName
from resnet_lab.spec.choices import Value
from studies.plan.study import Scale, Study
from studies.results.class_accuracy import CLASSES

HEAD: dict[str, Value] = {
    "model.head": "hidden",
    "recipe.optimizer": "adam",
    "recipe.lr": 2e-4,
    "recipe.weight_decay": 0.0,
    "recipe.schedule": "constant",
    "recipe.warmup": "none",
    "recipe.batch_size": 32,
    "recipe.augmentation": "none",
}
RESNET50: dict[str, Value] = {
    "model.depth": 50,
    "model.width": 64,
    "model.stem": "imagenet",
    "model.block.kind": "bottleneck",
    "model.block.shortcut": "B",
}

STUDY = Study(
    name="transfer",
    question="What does a pre-trained backbone bring, and how much of it has to be trained again?",
    arm={"recipe.weights": ("none",), "recipe.trained": ("head", "head_norms", "last_stage", "all")},
    measures=(CLASSES,),
    implies={("model.name", "imagenet_resnet"): RESNET50},
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={}, seeds=(0, 1, 2, 3, 4), epochs=20, changes=HEAD),
        "paper": Scale(
            dataset=DatasetName.OXFORD_PETS,
            context={"model.name": ("imagenet_resnet", "densenet121")},
            seeds=(0, 1, 2),
            epochs=20,
            changes=HEAD,
            arm={"recipe.weights": ("torchvision", "none")},
        ),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
