"""Convolutions of the kernels against torch's in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resnet_lab.native.convolution import WINOGRAD_PIXELS, conv

SHAPES = [
    # images, inputs, outputs, height, width, kernel, stride, padding
    (8, 16, 16, 8, 8, 3, 1, 1),
    (3, 16, 32, 32, 32, 3, 1, 1),
    (40, 8, 24, 5, 7, 3, 1, 1),  # tiles that hang over the edge, panels of 8
    (7, 64, 64, 9, 11, 3, 1, 1),
    (2, 16, 16, 2, 2, 3, 1, 1),  # too small for winograd
    (5, 16, 32, 9, 8, 3, 2, 1),
    (5, 16, 32, 8, 7, 1, 2, 0),
    (4, 40, 8, 6, 6, 1, 1, 0),
    (1, 8, 8, 1, 1, 3, 1, 1),
]


def layer(inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> nn.Conv2d:
    module = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    return module.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_output_and_both_gradients_are_those_of_torch(run, differ, shape, dtype):
    n, c, k, h, w, kernel, stride, padding = shape
    torch.manual_seed(sum(shape))
    module = layer(c, k, kernel, stride, padding)
    x = torch.randn(n, c, h, w).to(dtype).double().requires_grad_()
    weight = module.weight.detach().double().requires_grad_()
    expected = F.conv2d(x, weight, stride=stride, padding=padding)
    gradient = torch.randn_like(expected).to(dtype).double()
    expected.backward(gradient)
    ours = run(lambda program, value: conv(program, value, module), [x.detach()], gradient, dtype)
    assert differ(ours.out, expected.detach(), dtype) < 1
    assert differ(ours.inputs[0], x.grad, dtype) < 1
    assert differ(ours.parameters[0], weight.grad, dtype) < 1


@pytest.mark.parametrize("channels", [1, 3])
def test_the_first_layer_may_read_any_number_of_channels(run, differ, channels):
    torch.manual_seed(0)
    module = layer(channels, 16, 3, 1, 1)
    x = torch.randn(4, channels, 9, 9)
    weight = module.weight.detach().double().requires_grad_()
    expected = F.conv2d(x.double(), weight, padding=1)
    gradient = torch.randn_like(expected)
    expected.backward(gradient)

    def first(program, value):
        value.needs_grad = False
        value.grad = value.data  # for the harness, which reads one
        return conv(program, value, module)

    ours = run(first, [x], gradient)
    assert differ(ours.out, expected.detach()) < 1
    assert differ(ours.parameters[0], weight.grad) < 1


@pytest.mark.parametrize("side", [2, 16])
def test_what_is_added_gets_the_gradient_of_the_sum(run, differ, side):
    torch.manual_seed(1)
    module = layer(16, 16, 3, 1, 1)
    x, other, gradient = (torch.randn(8, 16, side, side) for _ in range(3))
    ours = run(lambda program, a, b: conv(program, a, module, add=b), [x, other], gradient)
    assert differ(ours.out, F.conv2d(x.double(), module.weight.double(), padding=1) + other) < 1
    assert torch.equal(ours.inputs[1], gradient)


def test_the_sums_that_a_norm_reads_are_those_of_the_output(run):
    torch.manual_seed(2)
    module = layer(16, 16, 3, 1, 1)
    x = torch.randn(WINOGRAD_PIXELS // 64 + 1, 16, 8, 8)
    kept = {}

    def summed(program, value):
        y = conv(program, value, module)
        kept["sums"] = y.sums
        program.hold(y.sums)
        return y

    out = run(summed, [x], torch.zeros(len(x), 16, 8, 8)).out.double()
    expected = torch.stack([out.sum((0, 2, 3)), out.square().sum((0, 2, 3))])
    torch.testing.assert_close(kept["sums"].view(2, 16), expected, rtol=1e-5, atol=1e-3)
