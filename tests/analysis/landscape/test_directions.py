"""Directions: each filter as long as the network's own, reproducible, nothing else moves."""

import pytest
import torch
from torch import nn

from analysis.landscape.directions import cosine, filter_normalised
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec


@pytest.fixture
def model():
    network = build_network(ModelSpec(depth=8, width=4), channels=1, classes=10)
    initialise(network, 0)
    return network


def test_every_filter_is_as_long_as_the_networks_own(model):
    direction = filter_normalised(model, seed=0, which=0)
    for name, part in direction.items():
        assert torch.allclose(part.flatten(1).norm(dim=1), model.get_parameter(name).flatten(1).norm(dim=1))
    moved = {name for name, parameter in model.named_parameters() if parameter.ndim > 1}
    assert direction.keys() == moved  # no bias, no scale or shift of a norm


def test_a_filter_of_zeros_stays_where_it_is(model):
    with torch.no_grad():
        model.fc.weight[3] = 0
    direction = filter_normalised(model, seed=0, which=0)
    assert not direction["fc.weight"][3].any()
    assert direction["fc.weight"][2].any()


def test_a_seed_gives_its_two_directions_again(model):
    first, second = (filter_normalised(model, seed=3, which=which) for which in (0, 1))
    again = filter_normalised(model, seed=3, which=0)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["fc.weight"], filter_normalised(model, seed=4, which=0)["fc.weight"])
    assert cosine(first, again) == pytest.approx(1)
    assert abs(cosine(first, second)) < 0.1


def test_a_direction_follows_the_type_and_layout_of_the_weights():
    network = nn.Conv2d(2, 3, 3).double().to(memory_format=torch.channels_last)
    (part,) = filter_normalised(nn.Sequential(network), seed=0, which=0).values()
    assert (part.dtype, part.shape) == (torch.float64, network.weight.shape)
