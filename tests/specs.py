"""TINY: the run that tests really train, three epochs of 4 steps."""

from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace

TINY = replace(
    RunSpec(),
    {
        "model.depth": 8,
        "model.width": 4,
        "data.name": "digits",
        "data.train_images": 128,
        "recipe.batch_size": 32,  # 4 steps per epoch
        "recipe.iterations": 12,
        # The defaults are for CIFAR's 32 pixels; the digits have 8.
        "recipe.crop_padding": 1,
        "recipe.cutout_size": 3,
    },
)
