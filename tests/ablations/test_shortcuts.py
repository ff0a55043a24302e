"""Shortcuts A, B, C and none of He et al. 2015, section 4.1."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ablations.choices import Norm, Shortcut
from ablations.shortcuts import AvgPoolPad, MaxPoolPad, ZeroPad, is_projection, make_shortcut
from ablations.spec import BlockSpec


def images(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(32, 32), (7, 9), (1, 1), (2, 5)])
def test_option_a_is_the_formula_of_the_public_checkpoints(size):
    """Y. Idelbayev's pytorch_resnet_cifar10 pads a quarter of the new width on each side of every second pixel."""
    x = images(3, 16, *size)
    expected = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 32 // 4, 32 // 4), "constant", 0)
    assert torch.equal(ZeroPad(16, 32, 2)(x), expected)


@given(
    inputs=st.integers(1, 9),
    extra=st.integers(0, 40),
    stride=st.integers(1, 3),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
)
def test_option_a_keeps_every_stride_th_pixel_in_the_middle_of_zeros(inputs, extra, stride, height, width):
    x = images(2, inputs, height, width)
    y = ZeroPad(inputs, inputs + extra, stride)(x)
    assert y.shape == (2, inputs + extra, -(-height // stride), -(-width // stride))
    low, kept = extra // 2, x[:, :, ::stride, ::stride]
    assert torch.equal(y[:, low : low + inputs], kept)
    assert y.count_nonzero() == kept.count_nonzero()


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 1)])
def test_option_a_samples_the_pixels_on_which_a_strided_convolution_is_centred(size):
    conv = nn.Conv2d(4, 4, 3, stride=2, padding=1, bias=False)
    with torch.no_grad():
        conv.weight.zero_()
        for channel in range(4):
            conv.weight[channel, channel, 1, 1] = 1
    x = images(2, 4, *size)
    assert torch.equal(ZeroPad(4, 4, 2)(x), conv(x))


def test_option_a_sends_gradient_to_the_sampled_pixels_only():
    x = images(1, 2, 5, 5).requires_grad_()
    ZeroPad(2, 4, 2)(x).sum().backward()
    expected = torch.zeros(5, 5)
    expected[::2, ::2] = 1
    assert torch.equal(x.grad, expected.expand(1, 2, 5, 5))


@pytest.mark.parametrize(
    ("shortcut", "keeps_shape", "changes_width", "changes_size"),
    [
        ("A", nn.Identity, ZeroPad, ZeroPad),
        ("B", nn.Identity, nn.Sequential, nn.Sequential),
        ("C", nn.Sequential, nn.Sequential, nn.Sequential),
        ("avg_pool", nn.Identity, AvgPoolPad, AvgPoolPad),
        ("max_pool", nn.Identity, MaxPoolPad, MaxPoolPad),
        ("none", type(None), type(None), type(None)),
    ],
)
def test_where_each_option_projects(shortcut, keeps_shape, changes_width, changes_size):
    spec = BlockSpec(shortcut=shortcut)
    for (inputs, outputs, stride), expected in {
        (8, 8, 1): keeps_shape,
        (8, 16, 1): changes_width,
        (8, 8, 2): changes_size,
        (8, 16, 2): changes_size,
    }.items():
        made = make_shortcut(spec, inputs, outputs, stride)
        assert type(made) is expected
        assert is_projection(spec, inputs, outputs, stride) == (expected is nn.Sequential)


def test_only_projections_have_parameters():
    for shortcut in (Shortcut.A, Shortcut.B, Shortcut.C):
        made = make_shortcut(BlockSpec(shortcut=shortcut), 8, 16, 2)
        count = sum(parameter.numel() for parameter in made.parameters())
        assert count == (0 if shortcut == Shortcut.A else 8 * 16 + 2 * 16)


@pytest.mark.parametrize(
    ("switches", "parts"),
    [
        ({}, ["conv1", "norm1"]),
        ({"norm": Norm.NONE}, ["conv1"]),
        ({"norm_position": "after_add"}, ["conv1"]),
        ({"preactivation": "relu_only"}, ["conv1", "norm1"]),
        ({"preactivation": "full"}, ["conv1"]),
    ],
)
def test_a_projection_is_a_strided_1x1_convolution_with_the_layouts_norm(switches, parts):
    made = make_shortcut(BlockSpec(shortcut="B", **switches), 8, 16, 2)
    assert [name for name, _ in made.named_children()] == parts
    assert (made.conv1.kernel_size, made.conv1.stride, made.conv1.bias) == ((1, 1), (2, 2), None)


def test_a_zero_pad_says_what_it_does():
    assert str(ZeroPad(16, 32, 2)) == "ZeroPad(stride=2, channels=+8+8)"
    assert str(AvgPoolPad(16, 32, 2)) == "AvgPoolPad(stride=2, channels=+0+16)"


def test_a_pooled_shortcut_is_the_mean_of_four_pixels_and_zeros_behind():
    """As in Huang et al.'s ResidualDrop.lua: pooling over 2x2, then channels of zeros after the old ones."""
    x = torch.arange(2 * 3 * 4 * 6, dtype=torch.float64).view(2, 3, 4, 6)
    y = AvgPoolPad(3, 5, 2)(x)
    assert torch.equal(y[:, :3], (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4)
    assert not y[:, 3:].any()
    assert torch.equal(AvgPoolPad(3, 5, 1)(x)[:, :3], x)


def test_a_pooled_shortcut_averages_at_an_odd_border_over_the_pixels_that_are_there():
    y = AvgPoolPad(1, 1, 2)(torch.arange(9.0).view(1, 1, 3, 3))
    assert y.flatten().tolist() == [2.0, 3.5, 6.5, 8.0]


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 1)])
def test_max_pooling_halves_and_pads_as_option_a(size):
    x = images(2, 4, *size)
    y = MaxPoolPad(4, 10, 2)(x)
    assert y.shape == ZeroPad(4, 10, 2)(x).shape
    assert torch.equal(y[:, 3:7], F.max_pool2d(F.pad(x, (0, size[1] % 2, 0, size[0] % 2), value=-torch.inf), 2))
    assert not y[:, :3].any()
    assert not y[:, 7:].any()
    assert torch.equal(MaxPoolPad(4, 10, 1)(x), ZeroPad(4, 10, 1)(x))
