"""Class names: one for each class of each fixed set, as its publishers order them."""

from resnet_lab.data.catalog import CATALOG
from resnet_lab.data.class_names import CLASS_NAMES
from resnet_lab.spec import DatasetName
from resnet_lab.spec.choices import PHOTOGRAPHS


def test_each_class_of_a_fixed_set_has_a_name_of_its_own() -> None:
    assert set(CLASS_NAMES) == set(DatasetName) - PHOTOGRAPHS - {DatasetName.ARRAYS}
    for name, names in CLASS_NAMES.items():
        assert len(set(names)) == len(names) == CATALOG[name].classes


def test_the_names_of_cifar_are_those_of_its_labels() -> None:
    assert CLASS_NAMES[DatasetName.CIFAR10][3] == "cat"
    assert CLASS_NAMES[DatasetName.CIFAR100][:2] == ("apple", "aquarium_fish")
    assert list(CLASS_NAMES[DatasetName.CIFAR100]) == sorted(CLASS_NAMES[DatasetName.CIFAR100])
