"""What networks are called next to each other."""

from types import SimpleNamespace

from analysis.inputs.targets import labels
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace


def called(*changes):
    return labels([SimpleNamespace(spec=replace(RunSpec(), each)) for each in changes])


def test_a_network_is_called_by_its_family_and_what_is_its_own():
    assert called({"model.name": "vgg15_bn"}, {}, {"model.block.shortcut": "none"}) == [
        "vgg15_bn",
        "cifar_resnet depth=20",
        "cifar_resnet depth=20 shortcut=none",
    ]


def test_seeds_are_named_where_networks_are_alike():
    assert called({}, {"seed": 1}, {"model.depth": 56}) == [
        "cifar_resnet depth=20 seed 0",
        "cifar_resnet depth=20 seed 1",
        "cifar_resnet depth=56",
    ]
