"""Seeded build: the draws of a build are torch's, whoever else draws, and no thread waits for another."""

import threading

import pytest
import torch
from torch import nn

from resnet_lab.networks.seeded_build import OwnDraws, UnseededDrawError, build_from_seed
from resnet_lab.rng import GLOBAL_RNG_LOCK
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace


def all_kinds_of_draws():
    lengths, ones = (torch.empty(5) for _ in range(6)), torch.ones(4)
    filled = [next(lengths).normal_(), next(lengths).uniform_(), next(lengths).bernoulli_(0.5)]
    made = [torch.rand(3), torch.randn(3), torch.randint(9, (5,)), torch.randperm(7), torch.rand_like(ones)]
    layers = [nn.Conv2d(3, 4, 3).weight, nn.init.trunc_normal_(torch.empty(4)), nn.Embedding(3, 4).weight]
    return filled + made + [torch.multinomial(ones, 2), torch.normal(0.0, 1.0, (3,)), *layers]


def test_own_draws_are_those_of_torchs_generator_and_leave_it_alone():
    with torch.random.fork_rng():
        torch.manual_seed(7)
        wanted = all_kinds_of_draws()
    before = torch.get_rng_state()
    with OwnDraws(torch.Generator().manual_seed(7)):
        found = all_kinds_of_draws()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(*each) for each in zip(wanted, found, strict=True))
    with pytest.raises(UnseededDrawError), OwnDraws(torch.Generator()):
        torch.native_dropout(torch.ones(3), 0.5, True)


@pytest.mark.parametrize("fields", [{}, {"model.name": "mnist_cnn"}, {"model.name": "densenet_bc", "model.depth": 22}])
def test_while_another_trial_captures_a_network_is_built_and_draws_the_same(fields):
    spec, shape, built = replace(RunSpec(), fields), {"channels": 1, "classes": 10, "size": 28}, []
    alone = build_from_seed(spec, **shape, alone=True)
    with GLOBAL_RNG_LOCK:
        thread = threading.Thread(target=lambda: built.append(build_from_seed(spec, **shape, alone=False)))
        thread.start()
        thread.join(60)
    assert built, "it waited for the lock"
    states = zip(alone.state_dict().items(), built[0].state_dict().items(), strict=True)
    assert all(one[0] == other[0] and torch.equal(one[1], other[1]) for one, other in states)
