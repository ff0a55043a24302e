"""Weights from a seed: equal where name and shape are, of the right spread, without side effects."""

import itertools

import pytest
import torch
from torch import nn

from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.rng import stream
from resnet_lab.spec import Init, ModelSpec, RunSpec
from resnet_lab.spec.fields import replace


def weights(seed=0, **switches) -> dict[str, torch.Tensor]:
    changes = {"model.depth": 20, "model.width": 4} | {f"model.block.{name}": value for name, value in switches.items()}
    model = build_network(replace(RunSpec(), changes).model)
    initialise(model, seed)
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


ARMS = [
    {},
    {"norm_position": "after_add"},
    {"act_position": "none"},
    {"preactivation": "relu_only"},
    {"preactivation": "full"},
    {"shortcut": "B"},
    {"shortcut": "C"},
    {"shortcut": "none"},
    {"norm": "group"},
    {"norm": "none"},
    {"kind": "bottleneck"},
]


def test_parameters_of_equal_name_and_shape_start_equal_in_every_arm():
    for one, other in itertools.combinations([weights(**arm) for arm in ARMS], 2):
        shared = [name for name in one.keys() & other.keys() if one[name].shape == other[name].shape]
        assert {"stem.conv1.weight", "fc.bias"} <= set(shared)
        assert all(torch.equal(one[name], other[name]) for name in shared)


def test_arms_that_only_move_things_share_every_convolution():
    """The names must not depend on the placement, or arms would differ by chance."""
    convolutions = [
        {name: tensor for name, tensor in weights(**arm).items() if "conv" in name}
        for arm in ({}, {"norm_position": "after_add"}, {"act_position": "none"}, {"preactivation": "full"})
    ]
    assert len(convolutions[0]) == 19
    for other in convolutions[1:]:
        assert other.keys() == convolutions[0].keys()
        assert all(torch.equal(other[name], tensor) for name, tensor in convolutions[0].items())


def test_seeds_and_names_differ_and_the_same_seed_does_not():
    first, again, other = weights(0), weights(0), weights(1)
    drawn = [name for name in first if "conv" in name or name == "fc.weight"]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in drawn)
    for one, two in itertools.combinations(drawn, 2):
        assert first[one].shape != first[two].shape or not torch.equal(first[one], first[two])


def test_neither_the_global_generator_nor_what_was_built_before_matters():
    torch.manual_seed(1)
    expected = weights()
    torch.manual_seed(2)
    torch.rand(10)
    state = torch.get_rng_state()
    model = build_network(ModelSpec(width=4))
    built = torch.get_rng_state()
    initialise(model, 0)
    assert torch.equal(torch.get_rng_state(), built)
    assert not torch.equal(state, built)  # building does draw, and it does not matter
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, expected[name]), name


def test_a_second_call_begins_again():
    model = build_network(ModelSpec(width=4))
    initialise(model, 0)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    initialise(model, 1)
    initialise(model, 0)
    assert all(torch.equal(one, two) for one, two in zip(before, model.parameters(), strict=True))


def test_convolutions_spread_as_he_et_al_say():
    """Standard deviation sqrt(2 / fan-out); the bound is five standard errors."""
    model = build_network(ModelSpec())
    initialise(model, 0)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            count = module.weight.numel()
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            expected = (2 / fan_out) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=5 / (2 * count) ** 0.5), name
            assert abs(module.weight.mean().item()) < 5 * expected / count**0.5, name


def test_the_classifier_is_uniform_and_norms_start_as_nothing():
    start = weights()
    bound = 16**-0.5
    assert start["fc.weight"].abs().max() <= bound
    assert start["fc.weight"].std().item() == pytest.approx(bound / 3**0.5, rel=0.2)
    for name, tensor in start.items():
        if "norm" in name:
            assert torch.equal(tensor, torch.full_like(tensor, name.endswith("weight"))), name
    assert start["fc.bias"].count_nonzero() == 0


def layer(init: Init, module: nn.Module) -> nn.Module:
    holder = nn.Sequential(module)
    initialise(holder, 0, init)
    return module


def test_the_default_is_the_paper_drawn_from_the_weights_own_stream():
    """A change here changes every published run."""
    found = layer(Init.KAIMING_FAN_OUT, nn.Conv2d(3, 16, 3, bias=False)).weight
    expected = torch.empty(16, 3, 3, 3).normal_(0, (2 / 144) ** 0.5, generator=stream(0, "init", "0", "16x3x3x3"))
    torch.testing.assert_close(found.detach(), expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("init", "std", "bound"),
    [
        (Init.KAIMING_FAN_OUT, (2 / (64 * 9)) ** 0.5, None),
        (Init.KAIMING_FAN_IN, (2 / (32 * 9)) ** 0.5, None),
        (Init.XAVIER, (2 / (96 * 9)) ** 0.5, (6 / (96 * 9)) ** 0.5),
        (Init.DEFAULT, (1 / (32 * 9 * 3)) ** 0.5, (32 * 9) ** -0.5),
    ],
)
def test_each_init_has_the_spread_of_its_source(init, std, bound):
    weight = layer(init, nn.Conv2d(32, 64, 3)).weight.detach()
    assert weight.std().item() == pytest.approx(std, rel=0.03)
    assert abs(weight.mean()) < 5 * std / weight.numel() ** 0.5
    if bound is None:
        assert weight.abs().max() > 3 * std  # a normal has tails
    else:
        assert 0.99 * bound < weight.abs().max() <= bound


def test_torchs_default_has_torchs_bounds_on_biases_too():
    """Where torch draws its own: the same distribution, from our streams."""
    for module in (nn.Conv2d(16, 512, 3), nn.Linear(144, 512)):
        torch_weight, torch_bias = module.weight.abs().max().item(), module.bias.abs().max().item()
        layer(Init.DEFAULT, module)
        assert module.weight.abs().max().item() == pytest.approx(torch_weight, rel=0.02)
        assert module.bias.abs().max().item() == pytest.approx(torch_bias, rel=0.05)
        assert not torch.equal(module.weight.flatten()[:512], module.bias)
    assert not layer(Init.XAVIER, nn.Conv2d(2, 2, 1)).bias.any()
