"""Whole networks in the kernels against torch in float64, over every layout and shortcut they take."""

import copy

import pytest
import torch
import torch.nn.functional as F

from ablations.spec import BlockSpec
from resnet_lab.native import NativeNetwork, accelerate
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec

CPU = torch.device("cpu")
PLACEMENTS = [
    {"norm_position": norm, "act_position": act}
    for norm in ("before_add", "after_add")
    for act in ("after_add", "before_add", "none")
] + [{"preactivation": "relu_only"}, {"preactivation": "full"}]
OTHERS = [
    {"shortcut": "none"},
    {"kind": "bottleneck"},
    {"kind": "bottleneck", "preactivation": "full"},
    {"kind": "bottleneck", "shortcut": "B", "stride_on": "conv1"},
    {"downsample": "separate_conv"},
    {"downsample": "separate_conv_each"},
    {"downsample": "separate_conv", "preactivation": "full"},
    {"kernels": 31},
    {"kernels": 3, "preactivation": "full"},
    {"kernels": 131, "shortcut": "B"},
    {"shortcut": "conv1x1"},
    {"shortcut": "B", "preactivation": "full", "projection_tap": "preactivated"},
    {"shortcut": "C", "norm_position": "after_add", "act_position": "before_add"},
]
BLOCKS = [{**placement, "shortcut": shortcut} for placement in PLACEMENTS for shortcut in ("A", "B")] + OTHERS


def pair(
    block: dict[str, str | int], dtype: torch.dtype = torch.float32, **model: int
) -> tuple[NativeNetwork, torch.nn.Module]:
    switches = BlockSpec(**block)
    depth = model.pop("depth", 2 + 3 * len(switches.branch_kernels))
    spec = ModelSpec(depth=depth, block=switches, **model)
    torch.manual_seed(0)
    built = build_network(spec, channels=3, size=8).to(memory_format=torch.channels_last)
    reference = copy.deepcopy(built).double()
    ours, why = accelerate(built, dtype, CPU)
    assert why == "native"
    assert isinstance(ours, NativeNetwork)
    return ours, reference


def images(n: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(n, 3, 8, 8).to(memory_format=torch.channels_last), torch.randint(10, (n,))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: "-".join(map(str, block.values())))
def test_logits_gradients_and_statistics_are_those_of_torch(block, differ):
    ours, reference = pair(block)
    for _ in range(2):  # the second time over the same memory
        x, y = images()
        logits, expected = ours.train()(x), reference.train()(x.double())
        F.cross_entropy(logits, y).backward()
        F.cross_entropy(expected, y).backward()
        assert differ(logits, expected) < 1
    for (name, mine), theirs in zip(ours.model.named_parameters(), reference.parameters(), strict=True):
        assert mine.grad is not None, name
        assert differ(mine.grad, theirs.grad) < 20, name
    for (name, mine), theirs in zip(ours.model.named_buffers(), reference.buffers(), strict=True):
        assert differ(mine, theirs) < 1, name
    with torch.inference_mode():
        assert differ(ours.eval()(x), reference.eval()(x.double())) < 1


def test_bf16_is_as_close_to_float64_as_autocast_is():
    ours, reference = pair({}, torch.bfloat16, depth=20)
    theirs = copy.deepcopy(ours.model)
    x, _ = images(64)
    exact = reference.train()(x.double())
    with torch.autocast("cpu", torch.bfloat16):
        autocast = theirs.train()(x.bfloat16())
    error = (ours.train()(x.bfloat16()) - exact).abs().mean()
    assert error <= 1.5 * (autocast - exact).abs().mean()


def test_gradients_add_up_until_they_are_cleared():
    ours, _ = pair({})
    x, y = images()
    F.cross_entropy(ours.train()(x), y).backward()
    once = [parameter.grad.clone() for parameter in ours.parameters()]
    F.cross_entropy(ours(x), y).backward()
    for parameter, single in zip(ours.parameters(), once, strict=True):
        torch.testing.assert_close(parameter.grad, 2 * single)


def test_a_gradient_taken_too_late_is_refused():
    ours, _ = pair({})
    x, y = images()
    first = F.cross_entropy(ours.train()(x), y)
    ours(x)
    with pytest.raises(RuntimeError, match="run again"):
        first.backward()


def test_a_gradient_at_fixed_statistics_is_torchs_own():
    ours, _ = pair({})
    x, _ = images()
    x.requires_grad_()
    ours.eval()(x).sum().backward()
    assert x.grad is not None


def test_batches_of_different_sizes_alternate(differ):
    ours, reference = pair({})
    for n in (6, 3, 6, 1):
        x, _ = images(n)
        with torch.no_grad():
            assert differ(ours.eval()(x), reference.eval()(x.double())) < 1


def test_the_backward_pass_needs_hardly_more_memory_than_the_forward_pass():
    ours, _ = pair({}, depth=56)
    ours.train()(images(32)[0])
    (lowered,) = ours._lowered.values()
    program = lowered.program
    kept, all_of_them = (
        {id(b): b for call in calls for b in call.buffers()}.values()
        for calls in (program.calls[: program.split], program.calls)
    )
    parameters = sum(buffer.size for _, buffer in program.gradients)
    arena = max(b.address + b.size for b in all_of_them) - min(b.address for b in all_of_them)
    assert arena - parameters <= sum(b.size for b in kept) + 4 * max(b.size for b in kept)


@pytest.mark.parametrize(
    ("switches", "why"),
    [
        ({"shortcut": "avg_pool"}, "AvgPoolPad"),
        ({"weight_standardisation": True}, "a convolution by standardised weights"),
        ({"branch_init": "layer_scale"}, "LayerScale"),
        ({"branch_init": "rezero"}, "Factor"),
        ({"branch_dropout": 0.3}, "Dropout"),
    ],
)
def test_a_part_that_the_kernels_do_not_know_is_left_to_torch(switches, why):
    network = build_network(ModelSpec(depth=8, block=BlockSpec(**switches)), channels=3, size=8)
    assert accelerate(network, torch.float32, CPU) == (network, f"torch: {why}")
