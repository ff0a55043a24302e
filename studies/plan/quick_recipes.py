"""Recipes of quick runs: what they change in the recipe, which was made for 64k iterations of CIFAR-10."""

from collections.abc import Mapping

from resnet_lab.spec import DatasetName
from resnet_lab.spec.choices import PHOTOGRAPHS, Value

# Few steps at a rate of 0.1 need a rise to it: without one, ResNet-44 loses half of a run of 300 steps.
# A mirrored digit is another sign, so only photographs are flipped; an 8x8 digit fills its frame.
_PHOTOGRAPH: Mapping[str, Value] = {"recipe.augmentation": "resized_crop_flip", "recipe.batch_size": 32}
QUICK: Mapping[DatasetName, Mapping[str, Value]] = {
    DatasetName.DIGITS: {
        "recipe.augmentation": "crop",
        "recipe.crop_padding": 1,
        "recipe.batch_size": 32,
        "recipe.warmup": "linear",
        "recipe.warmup_iterations": 80,
    },
    DatasetName.MNIST: {"recipe.augmentation": "crop", "recipe.crop_padding": 2},
    DatasetName.FASHION_MNIST: {},
    DatasetName.CIFAR10: {},
    DatasetName.CIFAR100: {},
    **dict.fromkeys(PHOTOGRAPHS, _PHOTOGRAPH),
}
