"""Checks of the fused kernels, to be run with TRITON_INTERPRET=1: prints the largest error of each."""

import copy

import torch
from torch import nn

from ablations.block import build_block
from ablations.choices import Attention, BlockKind, Shortcut
from ablations.layout import TABLE, describe
from ablations.spec import BlockSpec
from resnet_lab.fused import function, network
from resnet_lab.fused.function import Add, norm_act_add
from resnet_lab.fused.network import FusedNetwork
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace

LIMITS = {torch.float32: 2e-5, torch.bfloat16: 2e-2}


def reference(x, norm, activation, added, add):
    """Return the operation in torch's own modules."""
    act = activation or nn.Identity()
    match add:
        case Add.FIRST:
            return act(norm(x + added))
        case Add.BEFORE:
            return act(norm(x) + added)
        case Add.AFTER:
            return act(norm(x)) + added
    return act(norm(x))


def error(found, expected):
    return float(((found.double() - expected.double()).norm() / expected.double().norm()).detach())


def operation(activation, add, dtype, shape):
    """Return the largest relative error of output, gradients and statistics against float64."""
    torch.manual_seed(0)
    x, added, gradient = (torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last) for _ in range(3))
    norm = nn.BatchNorm2d(shape[1])
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.uniform_(norm.bias, -0.5, 0.5)
    exact = copy.deepcopy(norm).double()
    results = []
    for compute, one, kind in ((norm_act_add, norm, dtype), (reference, exact, torch.float64)):
        a, b = (each.detach().to(kind, copy=True).requires_grad_() for each in (x, added))
        out = compute(a, one, activation, b if add else None, add)
        out.backward(gradient.to(kind))
        grads = [a.grad, one.weight.grad, one.bias.grad, *([b.grad] if add else [])]
        results.append([out.detach(), *grads, one.running_mean, one.running_var])
        assert out.is_contiguous(memory_format=torch.channels_last)
        assert one.num_batches_tracked == 1
    return max(error(found, expected) for found, expected in zip(*results, strict=True))


def check_operations():
    """Every activation and every addition; then tiles of few rows, of which programs take several, and odd widths."""
    for activation in (nn.LeakyReLU(), nn.ELU(), nn.GELU(), nn.SiLU()):
        require(operation(activation, Add.BEFORE, torch.float32, (3, 8, 3, 5)), torch.float32, activation)
    for add in Add:
        for dtype in LIMITS:
            require(operation(nn.ReLU(), add, dtype, (3, 8, 3, 5)), dtype, (add.value, dtype))
    function.TILE, function.PARTS = 64, 3
    for shape in ((2, 40, 3, 5), (1, 5, 7, 13)):
        require(operation(nn.ReLU(), Add.BEFORE, torch.float32, shape), torch.float32, shape)
    function.TILE, function.PARTS = 4096, 128


LAYOUTS = [
    BlockSpec(preactivation=preactivation, norm_position=norm, act_position=act) for preactivation, norm, act in TABLE
]
OTHERS = [
    BlockSpec(shortcut=Shortcut.B),
    BlockSpec(shortcut=Shortcut.NONE),
    BlockSpec(shortcut=Shortcut.EXCLUSIVE_GATING),
    BlockSpec(attention=Attention.SE),
    BlockSpec(kind=BlockKind.BOTTLENECK),
]


def block_error(spec, outputs, stride):
    """Return the largest relative error of output, gradients and statistics of a block against float64."""
    torch.manual_seed(0)
    block = build_block(spec, 8, outputs, stride).to(memory_format=torch.channels_last)
    exact = copy.deepcopy(block).double()
    images = torch.randn(3, 8, 6, 4).contiguous(memory_format=torch.channels_last)
    one, other = images.clone().requires_grad_(), images.double().requires_grad_()
    calls.clear()
    out, expected = network._block(block, one), exact(other)
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in block.modules())
    assert len(calls) == norms, (spec, len(calls), norms)
    gradient = torch.randn(out.shape)
    out.backward(gradient)
    expected.backward(gradient.double())
    return largest([(out, expected), (one.grad, other.grad)], block, exact)


def network_error():
    """Return the largest relative error of a network in training, and see that at test it is the network itself."""
    torch.manual_seed(0)
    spec = replace(RunSpec(), {"model.depth": 8, "model.width": 4})
    model = build_network(spec.model, channels=3, classes=10, size=8).to(memory_format=torch.channels_last)
    exact = copy.deepcopy(model).double()
    x, gradient = torch.randn(4, 3, 8, 8).contiguous(memory_format=torch.channels_last), torch.randn(4, 10)
    fused = FusedNetwork(model)
    logits, expected = fused(x), exact(x.double())
    logits.backward(gradient)
    expected.backward(gradient.double())
    fused.eval()
    assert torch.equal(fused(x), model(x))
    return largest([(logits, expected)], model, exact)


def largest(pairs, one, other):
    """Return the largest error of some pairs, and of the gradients and statistics of two modules."""
    pairs += [(a.grad, b.grad) for a, b in zip(one.parameters(), other.parameters(), strict=True)]
    pairs += [(a, b) for a, b in zip(one.buffers(), other.buffers(), strict=True)]
    # A gradient that is zero, of a shift that a later norm subtracts, has no relative error.
    return max(error(found, want) for found, want in pairs if want.double().norm() > 1e-9)


calls = []


def counted(*arguments):
    calls.append(arguments)
    return norm_act_add(*arguments)


def require(found, dtype, what):
    print(what, f"{found:.1e}")
    assert found < LIMITS[dtype], (what, found)


def main():
    check_operations()
    network.norm_act_add = counted
    for spec in LAYOUTS:
        require(block_error(spec, 8, 1), torch.float32, describe(spec))
    for spec in OTHERS:
        require(block_error(spec, 16, 2), torch.float32, spec.shortcut.value)
    require(network_error(), torch.float32, "network")


if __name__ == "__main__":
    main()
