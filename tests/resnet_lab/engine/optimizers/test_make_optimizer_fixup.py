"""The Fixup authors' parameter groups: weights at the recipe's rate, biases and scalars at a tenth of it."""

import pytest
import torch

from resnet_lab.data.load import load
from resnet_lab.engine.optimizers.make_optimizer import RATE_FACTOR, parameter_groups
from resnet_lab.engine.session import Session
from resnet_lab.errors import RefusedError
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec, RunSpec
from resnet_lab.spec.fields import replace
from tests.specs import TINY

AUTHORS = {"model.block.norm": "none", "model.block.branch_init": "fixup_authors"}


def test_scalars_and_biases_are_a_group_of_their_own_and_nothing_is_lost():
    model = build_network(replace(RunSpec(), AUTHORS).model)
    weights, rest = parameter_groups(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert {names[id(each)].rpartition(".")[2] for each in weights["params"]} == {"weight"}
    # 5 scalars in each of 9 blocks, a shift in the stem and one before the classifier, and the classifier's bias.
    assert sum(names[id(each)].endswith(".value") for each in rest["params"]) == 5 * 9 + 2
    assert [names[id(each)] for each in rest["params"] if each.ndim] == ["fc.bias"]
    assert len(weights["params"]) + len(rest["params"]) == len(names)
    assert (RATE_FACTOR in weights, rest[RATE_FACTOR]) == (False, 0.1)


def test_other_networks_have_one_group_as_before():
    model = build_network(ModelSpec())
    assert all(one is two for one, two in zip(parameter_groups(model), model.parameters(), strict=True))


def test_a_step_moves_scalars_at_a_tenth_of_the_rate():
    spec = replace(TINY, {**AUTHORS, "recipe.weight_decay": 0, "recipe.momentum": 0, "recipe.precision": "fp32"})
    session = Session(spec, load(spec.data), torch.device("cpu"))
    bias, gradients = session.model.fc.bias, []
    bias.register_post_accumulate_grad_hook(lambda parameter: gradients.append(parameter.grad.clone()))
    before = bias.detach().clone()
    session.run_steps(1)
    assert torch.allclose(before - bias.detach(), 0.1 * spec.recipe.lr * gradients[0])


def test_muon_which_has_one_rate_is_refused_with_it():
    with pytest.raises(RefusedError, match="muon has one rate: choose another"):
        replace(RunSpec(), {**AUTHORS, "recipe.optimizer": "muon"})
