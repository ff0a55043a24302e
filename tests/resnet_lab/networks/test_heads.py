"""Heads: the formula of the hidden units, and the same places in every family."""

import math

import pytest
import torch
from torch import nn

from resnet_lab.errors import RefusedError
from resnet_lab.networks import build_network
from resnet_lab.networks.heads import head_of, hidden_units
from resnet_lab.spec import ModelName, ModelSpec, RunSpec
from resnet_lab.spec.fields import replace


@pytest.mark.parametrize(("classes", "units"), [(5, 128), (10, 256), (30, 256), (37, 512), (102, 512), (1000, 2048)])
def test_hidden_units_are_those_of_the_text(classes: int, units: int) -> None:
    assert hidden_units(classes) == units
    assert units == 2 ** (11 - math.floor(math.log2(math.floor(math.sqrt(2048 / classes)))))


def test_more_classes_than_the_formula_takes_are_refused() -> None:
    with pytest.raises(RefusedError, match="at most 2048 classes"):
        hidden_units(2049)


@pytest.mark.parametrize("name", [name for name in ModelName if name not in ("densenet121", "resnet50v2")])
def test_every_family_takes_every_head(name: ModelName) -> None:
    fields = {"imagenet_resnet": {"depth": 18}, "densenet_bc": {"depth": 10}, "wide_resnet": {"depth": 10}}
    fields |= {vgg: {"depth": 11, "width": 4} for vgg in ("imagenet_vgg", "imagenet_vgg_bn")}
    fields |= {"imagenet_densenet": {"depth": 169}}
    size = 28 if name.startswith("mnist") else 32
    plain = {"name": name, **fields.get(name, {})}
    found = {}
    for head in ("linear", "hidden", "none"):
        torch.manual_seed(0)
        network = build_network(ModelSpec(**plain, head=head), channels=1, classes=10, size=size).eval()
        found[head] = network(torch.zeros(2, 1, size, size))
        if head == "hidden":
            place, module = head_of(network, "hidden")
            assert isinstance(network.get_submodule(place), nn.Sequential)
            assert [layer.out_features for layer in module if isinstance(layer, nn.Linear)] == [256, 10]
    assert found["linear"].shape == found["hidden"].shape == (2, 10)
    assert found["none"].shape[1] == head_of(build_network(ModelSpec(**plain), channels=1), "linear")[1].in_features


def test_a_network_without_a_head_has_none_to_train() -> None:
    with pytest.raises(RefusedError, match="gives features, not classes"):
        head_of(build_network(ModelSpec(head="none")), "none")


def test_the_head_is_part_of_the_run() -> None:
    assert replace(RunSpec(), {"model.head": "hidden"}).model.head == "hidden"
