"""Scaled branches: the paper's range, a simulated stack, the paths one by one, and a block as built."""

import pytest
import torch

from ablations.block import build_block
from ablations.spec import BlockSpec
from analysis.theory.scaling import LEAST, MOST, length_shares, mean_length, variance_growth
from analysis.theory.unravelled import path_codes
from resnet_lab.errors import UserError


def test_unscaled_the_variance_doubles_at_every_block_and_in_the_papers_range_it_hardly_grows():
    """Szegedy et al. 2016, section 3.3: scales of 0.1 to 0.3; 20 blocks, as Inception-ResNet-v1 has (figure 15)."""
    assert (LEAST, MOST) == (0.1, 0.3)
    assert variance_growth(20) == 2**20
    assert variance_growth(20, LEAST) == pytest.approx(1.22, abs=0.01)
    assert variance_growth(20, MOST) == pytest.approx(5.60, abs=0.01)


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_a_stack_of_random_branches_grows_as_the_closed_form(scale):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 256, generator=generator)
    before = x.var()
    for _ in range(10):
        x = x + scale * x @ (torch.randn(256, 256, generator=generator) / 16)
    assert float(x.var() / before) == pytest.approx(variance_growth(10, scale), rel=0.1)


@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_shares_of_lengths_are_those_of_the_paths_one_by_one(scale):
    codes = path_codes(5)
    total = sum(scale ** code.count("1") for code in codes)
    one_by_one = [sum(scale**k for code in codes if code.count("1") == k) / total for k in range(6)]
    assert length_shares(5, scale) == pytest.approx(one_by_one)
    assert sum(k * share for k, share in enumerate(one_by_one)) == pytest.approx(mean_length(5, scale))
    assert mean_length(54) == 27  # Veit et al. 2016: half of the blocks, where nothing is scaled


def test_the_switch_scales_the_branch_and_leaves_the_shortcut_alone():
    spec = BlockSpec(shortcut="constant_scaling", shortcut_scale=1.0, branch_scale=LEAST)
    block = build_block(spec, 4, 4).eval()
    x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        unscaled = block.branch[:-1](x)
        assert torch.allclose(block(x), torch.relu(x + LEAST * unscaled), atol=1e-6)


@pytest.mark.parametrize(("blocks", "scale"), [(0, 1.0), (3, 0.0), (3, float("nan")), (3, float("inf"))])
def test_what_is_no_network_is_refused(blocks, scale):
    with pytest.raises(UserError, match=r"must be above 0|at least 1"):
        variance_growth(blocks, scale)
