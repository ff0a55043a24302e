"""One block: its shapes, what it leaves alone, and when it can be the identity."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ablations.block import build_block
from ablations.choices import Activation, BlockKind, Norm, NormPosition, Shortcut
from ablations.layout import TABLE
from ablations.spec import BlockSpec

PLACEMENTS = [dict(zip(("preactivation", "norm_position", "act_position"), key, strict=True)) for key in TABLE]
placements = st.sampled_from(PLACEMENTS)
kinds = st.sampled_from(list(BlockKind))


def images(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(
    placement=placements,
    kind=kinds,
    shortcut=st.sampled_from([Shortcut.A, Shortcut.B]),
    inputs=st.sampled_from([1, 3, 4]),
    outputs=st.sampled_from([4, 8, 12]),
    stride=st.integers(1, 3),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    first=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_any_size_of_image_comes_out_at_the_size_over_the_stride(
    placement, kind, shortcut, inputs, outputs, stride, size, first
):
    spec = BlockSpec(**placement, kind=kind, shortcut=shortcut)
    block = build_block(spec, inputs, outputs, stride, first=first).eval()
    expected = (1, outputs, -(-size[0] // stride), -(-size[1] // stride))
    assert block(images(0, 1, inputs, *size)).shape == expected


@pytest.mark.parametrize(
    ("switches", "inputs", "outputs", "says"),
    [
        ({}, 8, 4, "a basic block cannot go from 8 to 4 channels: outputs must be a multiple of 1 and at least 8"),
        ({"kind": "bottleneck"}, 4, 6, "outputs must be a multiple of 4"),
    ],
)
def test_widths_that_cannot_be_made_are_refused_with_those_that_can(switches, inputs, outputs, says):
    with pytest.raises(ValueError, match=says):
        build_block(BlockSpec(**switches), inputs, outputs)


def last_convolution(block: nn.Module) -> nn.Conv2d:
    return [part for part in block.branch.modules() if isinstance(part, nn.Conv2d)][-1]


@given(
    placement=placements,
    kind=kinds,
    norm=st.sampled_from(list(Norm)),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=150, deadline=None)
def test_with_its_branch_zeroed_a_block_is_the_identity_only_while_the_norm_is_before_the_addition(
    placement, kind, norm, size, seed
):
    """The argument for the baseline: ReLU(f(x) + x) = x for every x >= 0 where f = 0, and a norm after spoils it."""
    after = placement["norm_position"] == NormPosition.AFTER_ADD
    if norm == Norm.NONE:
        placement = {"act_position": placement["act_position"]}
        after = False
    block = build_block(BlockSpec(**placement, kind=kind, norm=norm), 8, 8)
    nn.init.zeros_(last_convolution(block).weight)
    x = images(seed, 3, 8, *size).abs()
    y = block(x)
    assert torch.equal(y, x) != after
    if after:
        assert not torch.allclose(y, x, atol=1e-2)


@pytest.mark.parametrize("kind", BlockKind)
def test_with_the_relu_before_the_addition_too_the_one_after_it_changes_nothing(kind):
    """What follows a stem's ReLU is not negative, nor is what the branch adds: `before_add` is both of them."""
    blocks = nn.Sequential(*(build_block(BlockSpec(kind=kind, act_position="before_add"), 8, 8) for _ in range(2)))
    x = images(0, 4, 8, 5, 5).relu()
    assert torch.equal(blocks(x).relu(), blocks(x))


def test_a_plain_block_with_its_branch_zeroed_loses_its_input():
    block = build_block(BlockSpec(shortcut=Shortcut.NONE), 8, 8)
    nn.init.zeros_(last_convolution(block).weight)
    assert block(images(0, 2, 8, 4, 4)).count_nonzero() == 0


def gradients(block: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Return the output, and the gradients of a weighted sum of it in the input and every parameter."""
    x = x.clone().requires_grad_()
    entered = x * 1  # not a leaf, so that overwriting it would be allowed
    kept = entered.detach().clone()
    torch.default_generator.manual_seed(0)  # for a shortcut that is dropped by chance
    y = block(entered)
    (y * images(1, *y.shape)).sum().backward()
    assert torch.equal(entered, kept), "the block overwrote its input"
    return [y, x.grad, *(parameter.grad for parameter in block.parameters())]


def test_working_in_place_changes_no_bit_of_output_or_gradient(covering):
    x = images(0, 3, 4, 5, 4)
    for spec in covering:
        if spec.activation not in (Activation.RELU, Activation.LEAKY_RELU):
            continue  # the others never work in place
        block = build_block(spec, 4, 8, stride=2)
        careful = copy.deepcopy(block)
        for part in careful.modules():
            if isinstance(part, nn.ReLU | nn.LeakyReLU):
                part.inplace = False
        for ours, expected in zip(gradients(block, x), gradients(careful, x), strict=True):
            assert torch.equal(ours, expected), spec


def test_the_first_block_leaves_its_leading_norm_and_activation_to_the_stem():
    def parts(first, **switches):
        block = build_block(BlockSpec(preactivation="full", **switches), 4, 8, first=first)
        return [[name for name, _ in part.named_children()] for part in (block.before, block.branch)]

    branch = ["conv1", "norm1", "act1", "conv2"]
    assert parts(True) == [[], branch]
    assert parts(False) == [[], ["norm1", "act1", "conv1", "norm2", "act2", "conv2"]]
    assert parts(True, shortcut="B") == [[], branch]
    assert parts(False, shortcut="B") == [["norm1", "act1"], branch]


@pytest.mark.parametrize(("where", "strides"), [("conv1", [2, 1, 1]), ("conv2", [1, 2, 1])])
def test_the_stride_of_a_bottleneck_is_where_the_switch_says(where, strides):
    spec = BlockSpec(kind="bottleneck", shortcut="B", stride_on=where)
    block = build_block(spec, 64, 128, stride=2)
    assert [conv.stride for conv in block.branch if isinstance(conv, nn.Conv2d)] == [(s, s) for s in strides]
    assert block(torch.randn(2, 64, 7, 6)).shape == (2, 128, 4, 3)


@pytest.mark.parametrize("switches", [{}, {"kind": "bottleneck", "downsample": "separate_conv"}])
def test_the_stride_has_no_place_where_there_is_no_choice(switches):
    with pytest.raises(ValueError, match="stride_on=conv2"):
        BlockSpec(stride_on="conv1", **switches)
