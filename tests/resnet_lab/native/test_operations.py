"""Norms, activations and additions of the kernels against torch's in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ablations.shortcuts import ZeroPad
from resnet_lab.native import operations as op

TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)


def normed(channels: int) -> nn.BatchNorm2d:
    module = nn.BatchNorm2d(channels)
    with torch.no_grad():
        module.weight.normal_(1, 0.3)
        module.bias.normal_(0, 0.3)
    return module


@TYPES
@pytest.mark.parametrize("channels", [8, 16, 40])
@pytest.mark.parametrize(("act", "side"), [(False, None), (True, None), (False, "pre"), (True, "pre"), (True, "post")])
def test_norm_with_what_is_added_to_it(run, differ, dtype, channels, act, side):
    torch.manual_seed(channels)
    module = normed(channels)
    theirs = normed(channels).double()
    theirs.load_state_dict(module.state_dict())
    tensors = [torch.randn(5, channels, 6, 7).to(dtype).double() * 3 + 1 for _ in range(2 if side else 1)]
    tensors = [each.to(dtype).double().requires_grad_() for each in tensors]
    expected = theirs(tensors[0])
    if side == "pre":
        expected = expected + tensors[1]
    if act:
        expected = expected.relu()
    if side == "post":
        expected = expected + tensors[1]
    gradient = torch.randn_like(expected).to(dtype).double()
    expected.backward(gradient)

    def operation(program, y, other=None):
        return op.norm(program, y, module, act=act, **({side: other} if side else {}))

    ours = run(operation, [each.detach() for each in tensors], gradient, dtype)
    assert differ(ours.out, expected.detach(), dtype) < 1
    for mine, tensor in zip(ours.inputs, tensors, strict=True):
        assert differ(mine, tensor.grad, dtype) < 1
    assert differ(ours.parameters[0], theirs.weight.grad, dtype) < 1
    assert differ(ours.parameters[1], theirs.bias.grad, dtype) < 1
    assert differ(module.running_mean, theirs.running_mean) < 1
    assert differ(module.running_var, theirs.running_var) < 1
    assert module.num_batches_tracked == 1


def test_a_mean_far_from_zero_does_not_swallow_the_variance(run, differ):
    torch.manual_seed(0)
    module = nn.BatchNorm2d(8)
    y = torch.randn(64, 8, 8, 8) + 30
    out = run(lambda program, value: op.norm(program, value, module), [y], torch.ones_like(y)).out
    assert differ(out, F.batch_norm(y.double(), None, None, training=True)) < 10


@TYPES
def test_relu(run, dtype):
    x = torch.randn(3, 8, 5, 5).to(dtype)
    gradient = torch.randn(3, 8, 5, 5).to(dtype)
    ours = run(op.relu, [x], gradient, dtype)
    assert torch.equal(ours.out, x.relu())
    assert torch.equal(ours.inputs[0], gradient * (x > 0))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_stays_nan(run, value):
    x = torch.full((1, 8, 1, 1), value)
    assert torch.equal(run(op.relu, [x], x).out.isnan(), x.isnan())
    assert (
        not run(lambda p, v: op.norm(p, v, nn.BatchNorm2d(8), act=True), [x.expand(2, 8, 1, 1)], x).out.isfinite().any()
    )


@TYPES
def test_add(run, dtype):
    a, b, gradient = (torch.randn(2, 16, 4, 4).to(dtype) for _ in range(3))
    ours = run(op.add, [a, b], gradient, dtype)
    assert torch.equal(ours.out, a + b)
    assert all(torch.equal(each, gradient) for each in ours.inputs)


@TYPES
@pytest.mark.parametrize("side", [4, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_zero_pad(run, dtype, side, stride):
    module = ZeroPad(16, 40, stride)
    x = torch.randn(2, 16, side, side).to(dtype).requires_grad_()
    expected = module(x)
    gradient = torch.randn_like(expected)
    expected.backward(gradient)
    ours = run(
        lambda program, value: op.zero_pad(program, value, 40, stride, module.low), [x.detach()], gradient, dtype
    )
    assert torch.equal(ours.out, expected)
    assert torch.equal(ours.inputs[0], x.grad)


def test_a_value_read_twice_gets_both_gradients(run, differ):
    torch.manual_seed(3)
    x, gradient = torch.randn(2, 8, 4, 4), torch.randn(2, 8, 4, 4)
    ours = run(lambda program, value: op.add(program, op.relu(program, value), value), [x], gradient)
    assert differ(ours.inputs[0], gradient * (x > 0) + gradient) < 1
