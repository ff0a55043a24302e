"""Recipes of quick runs: what they change in the recipe, which was made for 64k iterations of CIFAR-10."""

from collections.abc import Mapping

from resnet_lab.spec import DatasetName
from resnet_lab.spec.choices import PHOTOGRAPHS, Value, is_of_arrays

# Few steps at a rate of 0.1 need a rise to it: without one, ResNet-44 loses half of a run of 300 steps.
# A mirrored digit is another sign, so only photographs are flipped; an 8x8 digit fills its frame.
_PHOTOGRAPH: dict[str, Value] = {"recipe.augmentation": "resized_crop_flip", "recipe.batch_size": 32}
QUICK: Mapping[DatasetName, dict[str, Value]] = {
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
# Of arrays of one's own nothing is known: neither what may be mirrored or shifted, nor how many there are.
_ARRAYS: Mapping[str, Value] = QUICK[DatasetName.DIGITS] | {"recipe.augmentation": "none", "recipe.crop_padding": 4}


def quick_recipe(name: DatasetName) -> Mapping[str, Value]:
    """Return what a quick run on a set changes in the recipe."""
    return _ARRAYS if is_of_arrays(name) else QUICK[name]
