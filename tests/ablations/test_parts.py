"""The parts: norms of known statistics, activations, and names that do not depend on the order of operations."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ablations.choices import Activation, Norm
from ablations.parts import conv1x1, conv3x3, groups_of, make_activation, make_norm, sequence
from ablations.spec import BlockSpec


@given(st.integers(1, 4096))
def test_groups_divide_the_channels_and_hold_at_least_two_where_there_are_two(channels):
    groups = groups_of(channels)
    assert channels % groups == 0
    assert groups <= 32
    assert channels == 1 or channels // groups >= 2


@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (2, 1), (3, 1), (16, 8), (32, 16), (64, 32), (256, 32)])
def test_groups_of_the_usual_widths(channels, groups):
    assert groups_of(channels) == groups
    assert make_norm(Norm.GROUP, channels).num_groups == groups


def test_each_norm_standardises_over_its_own_axes():
    x = torch.randn(5, 8, 4, 3, generator=torch.Generator().manual_seed(0)).double() * 3 + 2
    for norm, view, axes in (
        (Norm.BATCH, (5, 8, 12), (0, 2)),
        (Norm.GROUP, (5, 4, 24), (2,)),
        (Norm.LAYER, (5, 1, 96), (2,)),
    ):
        y = make_norm(norm, 8).double()(x).reshape(view)
        torch.testing.assert_close(y.mean(axes), torch.zeros_like(y.mean(axes)), atol=1e-12, rtol=0)
        torch.testing.assert_close(y.var(axes, correction=0), torch.ones_like(y.mean(axes)), atol=1e-4, rtol=0)
    assert make_norm(Norm.NONE, 8) is None


@pytest.mark.parametrize(
    ("activation", "at_minus_one", "at_two"),
    [
        ("relu", 0.0, 2.0),
        ("leaky_relu", -0.01, 2.0),
        ("elu", -0.6321206, 2.0),
        ("gelu", -0.1586553, 1.9544997),
        ("silu", -0.2689414, 1.7615942),
    ],
)
def test_each_activation_has_its_known_values(activation, at_minus_one, at_two):
    for inplace in (False, True):
        y = make_activation(Activation(activation), inplace=inplace)(torch.tensor([-1.0, 2.0]))
        torch.testing.assert_close(y, torch.tensor([at_minus_one, at_two]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("activation", Activation)
def test_an_activation_overwrites_its_input_only_where_it_may(activation):
    x = torch.tensor([-1.0, 2.0])
    make_activation(activation, inplace=False)(x)
    assert x.tolist() == [-1.0, 2.0]


def test_a_sequence_numbers_its_parts_by_kind_so_that_weights_keep_their_names_in_every_layout():
    def names(operations, spec=BlockSpec()):  # noqa: B008  # frozen
        return list(dict(sequence(operations, spec, 4, [conv3x3(4, 8), conv3x3(8, 8)]).named_children()))

    assert names("cnacn") == ["conv1", "norm1", "act1", "conv2", "norm2"]
    assert names("nacnac") == ["norm1", "act1", "conv1", "norm2", "act2", "conv2"]
    assert names("cnacn", BlockSpec(norm=Norm.NONE)) == ["conv1", "act1", "conv2"]
    assert names("") == []


def test_norms_take_the_width_of_what_they_follow():
    parts = sequence("ncn", BlockSpec(), 4, [conv3x3(4, 8)])
    assert [part.num_features for part in parts if isinstance(part, nn.BatchNorm2d)] == [4, 8]


def test_only_an_activation_whose_input_nothing_else_holds_works_in_place():
    def inplace(operations, *, fresh=False, norm="batch"):
        parts = sequence(operations, BlockSpec(norm=norm), 4, [conv3x3(4, 4)], fresh=fresh)
        return [part.inplace for part in parts if isinstance(part, nn.ReLU)]

    assert inplace("aca") == [False, True]
    assert inplace("a", fresh=True) == [True]
    assert inplace("na") == [True]
    assert inplace("na", norm="none") == [False]


@pytest.mark.parametrize("side", [1, 7, 8])
def test_a_strided_1x1_convolution_of_few_channels_is_torchs_own_function(side):
    ours = conv1x1(4, 8, 2, bias=True).double()
    theirs = nn.Conv2d(4, 8, 1, 2).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 4, side, side, dtype=torch.float64)
    outputs = [module(x.clone().requires_grad_()) for module in (ours, theirs)]
    torch.testing.assert_close(*outputs)
    ours_grad = torch.autograd.grad(outputs[0].square().sum(), list(ours.parameters()))
    theirs_grad = torch.autograd.grad(outputs[1].square().sum(), list(theirs.parameters()))
    torch.testing.assert_close(ours_grad, theirs_grad)
    assert type(ours) is not nn.Conv2d  # whose gradient oneDNN writes past its memory
    assert type(conv1x1(16, 32, 2)) is type(conv1x1(4, 8)) is nn.Conv2d
