"""Order of operations: what the factory makes has a letter; what nothing knows stands there by its class name."""

import json
from dataclasses import replace as with_fields

import pytest
import torch
from torch import nn

from ablations.choices import Activation, Norm
from ablations.parts import make_activation, make_norm
from resnet_lab.data.catalog import info_of
from resnet_lab.inspect import facts, order, text
from resnet_lab.inspect.trace import trace
from resnet_lab.spec import ModelName, RunSpec
from resnet_lab.spec.fields import replace


class Odd(nn.Module):
    """An activation that no table lists."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * x.sigmoid()


class Squared(nn.ReLU):
    """A subclass of what is known, which computes something else."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input) ** 2


class Mixing(nn.Module):
    """A part with a layer of weights of its own, which no count of layers sees."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight[0, 0]


MODEL = replace(RunSpec(), {"model.depth": 8}).model


@pytest.fixture(params=[Odd, Squared, Mixing])
def unknown(request, monkeypatch):
    """A class that blocks use for their activation, while the factory that the audit asks does not know it."""
    monkeypatch.setattr("ablations.parts.make_activation", lambda *_, **__: request.param())
    return request.param


def inspected(model=MODEL):
    return facts.inspect(model, info_of(RunSpec().data).shape)


def test_every_norm_and_activation_of_the_factory_has_its_letter():
    for each in Activation:
        assert order.operations(make_activation(each, inplace=False)) == ("a",)
    for norm in Norm:
        made = make_norm(norm, 4)
        assert made is None or order.operations(made) == ("n",)


def test_an_unknown_part_stands_in_the_order_by_its_class_name(unknown):
    network = trace(MODEL, channels=3, classes=10, size=32).network
    name = unknown.__name__
    assert order.block_orders(network) == {f"c n {name} c n | {name}": 3}
    assert (order.tail(network), order.unknown_parts(network)) == (f"n {name}", (name,))


def test_an_unknown_part_is_unknown_in_the_facts(unknown):
    found = inspected()
    assert found.unknown_parts == (unknown.__name__,)
    assert (found.final_norm, found.final_activation) == (True, None)
    assert found.unknown == (("depth", "final_activation") if unknown is Mixing else ("final_activation",))
    assert {"unknown_parts", "unknown"} <= json.loads(json.dumps(found.as_dict())).keys()


@pytest.mark.usefixtures("unknown")
def test_networks_with_an_unknown_part_are_one_only_where_their_specs_are_equal(monkeypatch):
    monkeypatch.setattr("ablations.spec.refuse", lambda _: None)
    other = with_fields(MODEL, block=with_fields(MODEL.block, gate_bias=-3.0))  # no gate reads it
    assert inspected() == inspected()
    assert inspected(other).signature != inspected().signature


def test_the_summary_names_an_unknown_part(unknown, capsys):
    traced = trace(MODEL, channels=3, classes=10, size=32)
    text.show(MODEL, traced, (3, 32, 32), full=False)
    printed = capsys.readouterr().out
    assert "c n c n" not in printed
    assert f"between the last convolution and pooling: norm, {unknown.__name__}" in printed
    assert f"parts that are not known here, by their class names: {unknown.__name__}" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert text.as_dict(MODEL, traced, (3, 32, 32))["unknown_parts"] == [unknown.__name__]


@pytest.mark.parametrize("name", ModelName)
def test_no_network_of_the_registry_has_a_part_that_is_not_known(name):
    changes = {"model.name": name.value, "data.name": "mnist" if name.startswith("mnist") else "cifar10"}
    depths = {ModelName.WIDE_RESNET: 16, ModelName.IMAGENET_RESNET: 18, ModelName.DENSENET_BC: 16}
    depths |= {ModelName.IMAGENET_DENSENET: 169, ModelName.IMAGENET_VGG: 11, ModelName.IMAGENET_VGG_BN: 11}
    run = replace(RunSpec(), changes | ({"model.depth": depths[name]} if name in depths else {}))
    found = facts.inspect(run.model, info_of(run.data).shape)
    assert found.unknown_parts == ()
    assert "depth" not in found.unknown
    assert "unknown_parts" not in found.as_dict()


def test_what_a_forward_method_applies_is_said_to_be_unread(capsys):
    run = replace(RunSpec(), {"model.name": "densenet121"})
    traced = trace(run.model, channels=3, classes=10, size=32)
    text.show(run.model, traced, (3, 32, 32), full=False)
    printed = " ".join(capsys.readouterr().out.split())
    assert "pooling: norm besides what its forward method applies, which is not read" in printed
    assert facts.inspect(run.model, info_of(run.data).shape).unknown == ("final_activation",)
