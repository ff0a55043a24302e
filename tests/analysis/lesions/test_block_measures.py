"""Measures of blocks against their definitions."""

import math

import pytest
import torch
from torch import nn

from analysis.inputs.chain import decompose
from analysis.lesions.block_measures import BlockMeasures, measure_blocks, rank_correlations
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace


def chain_of(**changes):
    model = build_network(replace(RunSpec(), {"model.depth": 14, "model.width": 4, **changes}).model)
    initialise(model, 0)
    return decompose(model)


@pytest.fixture
def x():
    return torch.randn(12, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def centred(features):
    return (features - features.mean(0)).flatten(1).double()


@torch.no_grad()
def test_measures_are_their_definitions(x):
    chain = chain_of()
    h = chain.items[1](chain.items[0](x))  # the input of block 1
    branch, y = chain.block(1).residual(h), chain.items[2](h)
    one = measure_blocks(chain, x)[1]
    ratios = [(f.norm() / s.norm()).item() for f, s in zip(branch, h, strict=True)]
    assert one.norm_ratio == pytest.approx(sum(ratios) / 12, rel=1e-5)
    assert one.response_std == pytest.approx(branch.std(correction=0).item(), rel=1e-5)  # the norm ends the branch
    cosines = nn.functional.cosine_similarity(h.flatten(1), y.flatten(1))
    assert one.influence == pytest.approx(1 - cosines.mean().item(), abs=1e-6)
    # Kornblith et al. 2019, the form with features: ||Y'X||^2 / (||X'X|| ||Y'Y||)
    a, b = centred(h), centred(y)
    cka = (b.T @ a).norm() ** 2 / ((a.T @ a).norm() * (b.T @ b).norm())
    assert one.cka == pytest.approx(cka.item(), rel=1e-4)


@torch.no_grad()
def test_the_response_of_a_preactivation_block_is_its_last_convolutions(x):
    chain = chain_of(**{"model.block.preactivation": "full"})
    h = chain.items[0](x)
    assert measure_blocks(chain, x)[0].response_std == pytest.approx(
        chain.block(0).residual(h).std(correction=0).item(), rel=1e-5
    )


@torch.no_grad()
def test_a_block_without_a_branch_does_nothing(x):
    chain = chain_of()
    for module in chain.items[1].branch.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.zero_()
    one = measure_blocks(chain, x)[0]
    assert (one.norm_ratio, one.response_std) == (0, 0)
    assert one.influence == pytest.approx(0, abs=1e-6)
    assert one.cka == pytest.approx(1, abs=1e-6)


def test_rank_correlation_sees_the_order_only():
    values = [
        BlockMeasures(block=i, norm_ratio=float(i), response_std=-(2.0**i), influence=0.0, cka=[3.0, 1.0, 2.0, 4.0][i])
        for i in range(4)
    ]
    rho = rank_correlations(values, [1.0, 10.0, 11.0, 500.0])
    assert rho["norm_ratio"][0] == 1
    assert rho["response_std"][0] == -1
    assert rho["cka"][0] == pytest.approx(0.4)  # 1 - 6 (4 + 1 + 1 + 0) / (4 x 15)
    assert math.isnan(rho["influence"][0])
    assert math.isnan(rank_correlations(values[:2], [1.0, 2.0])["norm_ratio"][0])
