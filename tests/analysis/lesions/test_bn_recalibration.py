"""BatchNorm recalibration: exact, harmless where nothing was wrong, and shared up to the lesion."""

import pytest
import torch
from torch import nn

from analysis.inputs.chain import decompose
from analysis.lesions.bn_recalibration import recalibrate
from analysis.lesions.choices import Lesion
from analysis.lesions.modes import LesionInputs, lesioned_blocks
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace


def batches(n=3, size=32):
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(size, 3, 8, 8, generator=generator), torch.zeros(size)) for _ in range(n)]


@pytest.fixture
def chain():
    model = build_network(replace(RunSpec(), {"model.depth": 14, "model.width": 4}).model)
    initialise(model, 0)
    return decompose(model)


def test_statistics_are_the_mean_over_the_batches():
    norm = nn.BatchNorm2d(3).eval()
    (recalibrated,) = recalibrate((norm,), batches())
    means = torch.stack([x.mean((0, 2, 3)) for x, _ in batches()])
    variances = torch.stack([x.var((0, 2, 3)) for x, _ in batches()])
    assert torch.allclose(recalibrated.running_mean, means.mean(0), atol=1e-6)
    assert torch.allclose(recalibrated.running_var, variances.mean(0), atol=1e-6)
    assert not recalibrated.training
    assert norm.running_mean.abs().sum() == 0
    assert recalibrated.weight is norm.weight


def test_a_recalibrated_network_recalibrated_again_on_the_same_images_stays_as_it_is(chain):
    once = recalibrate(chain.items, batches())
    twice = recalibrate(once, batches())
    x = batches(1)[0][0]
    with torch.inference_mode():
        for one, other in zip(once, twice, strict=True):
            x, again = one(x), other(x)
            assert torch.equal(x, again)


def test_what_lies_before_the_lesion_is_shared_and_equal(chain):
    stand_in = lesioned_blocks(chain, Lesion.parse("delete"), LesionInputs(model=nn.Identity()))[3]
    position = chain.blocks[3]
    network = (*chain.items[:position], stand_in, *chain.items[position + 1 :])
    base = recalibrate(chain.items, batches())
    alone = recalibrate(network, batches())
    shared = recalibrate(network, batches(), whole=chain.items, recalibrated_whole=base)
    assert all(shared[i] is base[i] for i in range(position))
    assert all(shared[i] is not base[i] for i in range(position, len(network)))
    for one, other in zip(alone, shared, strict=True):
        state = other.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in one.state_dict().items())


def test_a_block_applied_twice_keeps_one_norm(chain):
    network = (chain.items[0], nn.Sequential(chain.items[1], chain.items[1]))
    _, twice = recalibrate(network, batches(2))
    assert twice[0] is twice[1]
    norm = next(m for m in twice.modules() if isinstance(m, nn.BatchNorm2d))
    assert norm.num_batches_tracked == 4


@torch.no_grad()
def test_an_undamaged_network_on_the_images_of_its_statistics_changes_little(chain):
    """The usual running averages, kept over many passes of the same images, end near their plain mean."""
    norms = [m for item in chain.items for m in item.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
    for x, _ in 60 * batches():
        chain.run(x)
    for norm in norms:
        norm.eval()
    x = batches(1)[0][0]
    before, after = chain.run(x), x
    for item in recalibrate(chain.items, batches()):
        after = item(after)
    assert (after - before).abs().max() < 0.05 * before.abs().max()
    assert not torch.equal(after, before)
