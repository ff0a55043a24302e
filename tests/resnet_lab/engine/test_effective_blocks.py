"""Effective blocks: exactly m per mini-batch."""

import pytest
import torch

from resnet_lab.data.load import load
from resnet_lab.engine.effective_blocks import EffectiveBlocks
from resnet_lab.engine.session import Session
from resnet_lab.errors import RefusedError, UserError
from resnet_lab.networks import build_network
from resnet_lab.networks.resnet import residual_blocks
from resnet_lab.spec import ModelSpec, RunSpec
from resnet_lab.spec.fields import replace

SPEC = replace(
    RunSpec(),
    {
        "model.depth": 20,
        "model.width": 4,
        "data.name": "digits",
        "data.train_images": 64,
        "recipe.batch_size": 32,
        "recipe.iterations": 4,
        "recipe.effective_blocks": 4,
    },
)


def test_each_draw_takes_exactly_so_many_blocks_and_in_time_all_of_them():
    model = build_network(ModelSpec(depth=20, width=4))
    effective = EffectiveBlocks(model, 4)
    drawn = []
    for _ in range(40):
        effective.draw()
        drawn.append([block.active for block in residual_blocks(model)])
    assert {sum(active) for active in drawn} == {4}
    assert all(any(active[index] for active in drawn) for index in range(9))
    effective.restore()
    assert all(block.active for block in residual_blocks(model))


def test_an_inactive_block_passes_its_shortcut_alone():
    model = build_network(ModelSpec(depth=8, width=4)).eval()
    block = residual_blocks(model)[1]
    x = torch.randn(2, 4, 8, 8).relu() if block.spec.shortcut is None else torch.rand(2, 4, 8, 8)
    block.active = False
    assert torch.equal(block(x.clone()), block.after(block.skip(x.clone())))


def test_training_is_a_function_of_the_seed_and_tests_with_every_block():
    sessions = [Session(SPEC, load(SPEC.data), torch.device("cpu")) for _ in range(2)]
    records = [session.run_epoch() for session in sessions]
    assert records[0].train_loss == records[1].train_loss
    assert all(block.active for block in residual_blocks(sessions[0].model))


def test_more_blocks_than_a_network_of_ones_own_has_are_refused():
    with pytest.raises(UserError, match="choose fewer"):
        EffectiveBlocks(build_network(ModelSpec(depth=8, width=4)), 4)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"recipe.effective_blocks": 10}, "has 9: choose at most 9"),
        ({"model.block.shortcut": "none"}, "choose a network with residual blocks"),
        ({"model.name": "mnist_cnn", "model.depth": 20, "model.width": 16}, "choose a network with residual blocks"),
    ],
)
def test_a_run_that_asks_for_more_blocks_than_there_are_is_none(changes, remedy):
    with pytest.raises(RefusedError, match=remedy):
        replace(SPEC, changes)
