"""Gradient norms by layer: against autograd, and what shortcuts change before the first step."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from ablations.spec import BlockSpec
from analysis.inputs.targets import Target
from analysis.landscape.gradients import gradients_of, initial_network, layer_gradients
from analysis.landscape.rows import spread
from resnet_lab.data.load import load
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import DataSpec, ModelSpec, RunSpec

pytestmark = pytest.mark.usefixtures("one_thread")


def target_of(model_spec, own_seed=5):
    spec = RunSpec(model=model_spec, data=DataSpec(name="digits"), seed=5)
    data = load(spec.data, None, torch.device("cpu"))
    model = build_network(model_spec, channels=1, classes=10)
    initialise(model, 5)
    return Target(name="net", model=model.eval(), spec=spec, data=data, device=torch.device("cpu"), own_seed=own_seed)


def images(count=16):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 1, 8, 8, generator=generator), torch.randint(10, (count,), generator=generator)


def test_norms_are_those_of_autograd_in_training():
    target = target_of(ModelSpec(depth=8, width=4, block=BlockSpec(shortcut="B")))
    x, y = images()
    layers = {layer.name: layer for layer in layer_gradients(target.model, x, y)}
    assert not target.model.training
    assert all(parameter.grad is None for parameter in target.model.parameters())
    F.cross_entropy(target.model.train()(x), y).backward()
    for name, layer in layers.items():
        weight = target.model.get_parameter(f"{name}.weight")
        assert layer.gradient_norm == pytest.approx(float(weight.grad.norm()), rel=1e-4)
        assert layer.weight_norm == pytest.approx(float(weight.detach().norm()), rel=1e-5)
        assert layer.parameters == weight.numel()
    assert [layer.depth for layer in layers.values() if layer.place == "body"] == list(range(1, 9))
    assert sum(layer.place == "shortcut" for layer in layers.values()) == 2
    bias = target.model.fc.bias.grad  # of the gradient at the last output, the sum over images
    assert layers["fc"].output_gradient_norm > float(bias.norm()) / 16**0.5


def test_layers_of_attention_are_no_layers_of_the_body():
    target = target_of(ModelSpec(depth=8, width=16, block=BlockSpec(attention="se")))
    layers = layer_gradients(target.model, *images())
    assert sum(layer.place == "attention" for layer in layers) == 6
    assert max(layer.depth or 0 for layer in layers) == 8


def test_before_its_first_step_a_plain_net_passes_a_far_less_even_gradient():
    """He et al. 2016, section 2: along shortcuts the gradient goes back as it is, without them every layer changes it.

    Norms keep a plain net's gradient from vanishing, as He et al. 2015, section 4.1, observe: it grows instead.
    """
    found = gradients_of(target_of(ModelSpec(depth=32, width=4)), *images(), seed=0)
    assert list(found.by_network) == [
        "trained",
        "initialised",
        "initialised, without shortcuts",
        "initialised, pre-activation",
    ]
    ratios = {name: spread(layers)["ratio"] for name, layers in found.by_network.items()}
    assert ratios["trained"] == pytest.approx(ratios["initialised"], rel=1e-4)  # it was not trained
    assert ratios["initialised, without shortcuts"] > 5 * ratios["initialised"]


def test_a_plain_net_is_compared_with_a_residual_one_and_a_cnn_with_none():
    found = gradients_of(target_of(ModelSpec(depth=8, width=4, block=BlockSpec(shortcut="none"))), *images(), seed=0)
    assert list(found.by_network) == ["trained", "initialised", "initialised, with shortcuts"]
    found = gradients_of(target_of(ModelSpec(name="densenet_bc", depth=10, width=4)), *images(), seed=0)
    assert list(found.by_network) == ["trained", "initialised"]


def test_a_network_that_cannot_be_built_is_named_with_the_reason():
    block = BlockSpec(norm_position="after_add")
    found = gradients_of(target_of(ModelSpec(depth=8, width=4, block=block)), *images(), seed=0)
    assert "initialised, pre-activation" in found.left_out


def test_a_network_from_elsewhere_starts_from_the_seed_asked_for():
    target = target_of(ModelSpec(depth=8, width=4))
    stranger = dataclasses.replace(target, own_seed=None)
    own, other = (initial_network(each.spec.model, each, seed=9) for each in (target, stranger))
    assert torch.equal(own.fc.weight, target.model.fc.weight)
    assert not torch.equal(other.fc.weight, own.fc.weight)
