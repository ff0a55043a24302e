"""Class names of the fixed image sets, in the order of their labels. Imports no torch."""

from collections.abc import Mapping
from types import MappingProxyType

from resnet_lab.spec import DatasetName

_DIGITS = tuple("0123456789")
_FASHION = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""

CLASS_NAMES: Mapping[DatasetName, tuple[str, ...]] = MappingProxyType(
    {
        DatasetName.DIGITS: _DIGITS,
        DatasetName.MNIST: _DIGITS,
        DatasetName.FASHION_MNIST: _FASHION,
        DatasetName.CIFAR10: _CIFAR10,
        DatasetName.CIFAR100: tuple(_CIFAR100.split()),
    }
)
"""Sets of photographs take theirs from their folders or from torchvision."""
