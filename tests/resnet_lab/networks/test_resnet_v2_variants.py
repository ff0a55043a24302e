"""ResNet50V2 with and without top and pre-activation, as Keras's arguments have it, and the paper's deep pairs."""

import pytest
import torch

from resnet_lab.networks import build_network
from resnet_lab.networks.build import count_parameters
from resnet_lab.spec import ModelSpec, RunSpec
from resnet_lab.spec.fields import replace

TOP, FEATURES, FINAL_NORM, STEM_NORM = 25_568_360, 2048, 2 * 2048, 2 * 64


def parameters(**fields: object) -> int:
    with torch.device("meta"):
        return count_parameters(build_network(ModelSpec(name="resnet50v2", **fields), classes=1000))


def test_parameters_are_those_of_keras() -> None:
    assert parameters() == TOP
    assert parameters(head="none") == parameters(head="none", pooling="max") == TOP - (FEATURES + 1) * 1000
    assert parameters(keras_preact=False) == TOP - FINAL_NORM + STEM_NORM


def test_without_a_top_features_are_pooled_by_mean_or_maximum() -> None:
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    found = {}
    for pooling in ("average", "max"):
        torch.manual_seed(0)
        network = build_network(ModelSpec(name="resnet50v2", head="none", pooling=pooling)).eval()
        with torch.inference_mode():
            found[pooling] = network(pixels)
            map_ = network.head[:2](network.stages(network.stem(pixels)))
        assert torch.allclose(found[pooling], map_.mean((2, 3)) if pooling == "average" else map_.amax((2, 3)))
    assert (found["max"] >= found["average"]).all()


def test_without_preactivation_the_norm_follows_the_stem() -> None:
    with torch.device("meta"):
        network = build_network(ModelSpec(name="resnet50v2", keras_preact=False))
    assert [type(part).__name__ for part in network.stem] == ["Conv2d", "BatchNorm2d", "ReLU", "ZeroPad2d", "MaxPool2d"]
    assert not list(network.head)


@pytest.mark.parametrize(("field", "value"), [("pooling", "max"), ("keras_preact", False)])
def test_other_networks_do_not_read_its_fields(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"does not read {field}"):
        ModelSpec(**{field: value})


@pytest.mark.parametrize("depth", [110, 164, 1001])
def test_original_and_proposed_unit_are_a_pair_of_presets(depth: int) -> None:
    original, proposed = (
        replace(RunSpec(), {"model.name": name}).model for name in (f"resnet{depth}", f"preact_resnet{depth}")
    )
    assert (original.depth, original.block.preactivation) == (depth, "none")
    assert (proposed.depth, proposed.block.preactivation) == (depth, "full")
    assert replace(RunSpec(model=proposed), {"model.block.preactivation": "none"}).model == original
