"""Signatures: what they leave out, what they keep, and that equal functions have equal ones."""

import pytest
import torch
from torch import nn

from ablations.block import ResidualBlock, build_block
from ablations.shortcuts import Scale
from ablations.spec import BlockSpec
from resnet_lab.inspect.signature import digest, signature
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace


def of(**changes):
    fields = {name.replace("__", "."): value for name, value in changes.items()}
    with torch.device("meta"):
        return signature(build_network(replace(RunSpec(), fields).model))


def test_names_nesting_identities_and_working_places_are_no_difference():
    flat = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
    nested = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Identity()), nn.BatchNorm2d(2), nn.ReLU(inplace=True))
    named = nn.Sequential()
    named.add_module("other", flat)
    assert signature(flat) == signature(nested) == signature(named)


def test_a_factor_of_one_and_a_second_relu_are_no_difference():
    assert signature(nn.Sequential(Scale(1.0), nn.ReLU(), nn.ReLU())) == signature(nn.ReLU())
    assert signature(Scale(0.5)) != signature(Scale(1.0))
    assert signature(nn.Sequential(nn.ELU(), nn.ELU())) != signature(nn.ELU())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3, bias=False)),
        (nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3, padding=1)),
        (nn.BatchNorm2d(4), nn.GroupNorm(1, 4)),
        (nn.GroupNorm(1, 4), nn.GroupNorm(2, 4)),
        (nn.BatchNorm2d(4), nn.BatchNorm2d(4, momentum=0.01)),
        (nn.LeakyReLU(0.1, inplace=True), nn.LeakyReLU(0.2, inplace=True)),
    ],
)
def test_configuration_is_a_difference(one, other):
    assert signature(one) != signature(other)


def test_the_attributes_of_an_unknown_module_are_a_difference():
    class Power(nn.Module):
        def __init__(self, exponent):
            super().__init__()
            self.exponent = exponent

    assert signature(Power(2)) == signature(Power(2)) != signature(Power(3))


def test_the_children_of_an_unknown_module_are_a_difference():
    class Both(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv = nn.Conv2d(channels, 1, 1)

    assert signature(Both(1)) != signature(Both(2))


def test_a_plain_block_is_its_operations():
    block = build_block(BlockSpec(shortcut="none"), 4, 4)
    assert signature(block) == signature(nn.Sequential(block.branch, block.after))


def test_where_a_norm_stands_between_two_blocks_is_no_difference():
    """After the addition of one block, or shared by both paths of the next: the same function."""

    def block(before, after):
        return ResidualBlock(
            spec=BlockSpec(),
            before=before,
            branch=nn.Sequential(nn.Conv2d(2, 2, 1)),
            shortcut=nn.Conv2d(2, 2, 1),
            gate=None,
            after=after,
            drop_path=0.0,
        )

    none, norm = nn.Sequential(), nn.Sequential(nn.BatchNorm2d(2), nn.ReLU())
    behind = nn.Sequential(block(none, norm), block(none, norm))
    ahead = nn.Sequential(block(none, none), block(norm, none), norm)
    assert signature(behind) == signature(ahead)


def test_each_switch_of_a_block_changes_the_signature():
    base = {"model__depth": 14, "model__width": 8}
    variants = [
        {},
        {"model__block__shortcut": "B"},
        {"model__block__shortcut": "none"},
        {"model__block__shortcut": "exclusive_gating"},
        {"model__block__shortcut": "shortcut_only_gating"},
        {"model__block__shortcut": "exclusive_gating", "model__block__gate_bias": -7},
        {"model__block__shortcut": "constant_scaling"},
        {"model__block__shortcut": "constant_scaling", "model__block__branch_scale": 1},
        {"model__block__drop_path": 0.5},
        {"model__block__drop_path": 0.2},
        {"model__block__branch_init": "zero_last"},
        {"model__block__branch_init": "skipinit"},
        {"model__block__branch_init": "layer_scale"},
        {"model__block__branch_init": "layer_scale", "model__block__layer_scale_start": 1e-5},
        {"model__block__weight_standardisation": True},
        {"model__block__branch_dropout": 0.3},
        {"model__block__branch_dropout": 0.5},
        {"model__block__kernels": 31},
        {"model__block__kernels": 13},
        {"model__block__attention": "se"},
        {"model__block__preactivation": "full"},
        {"model__block__preactivation": "full", "model__final_norm": "false"},
    ]
    found = [of(**base, **variant) for variant in variants]
    assert len(set(found)) == len({digest(steps) for steps in found}) == len(variants)


def test_a_signature_is_the_same_every_time_and_on_every_device():
    assert of() == of()
    assert of() == signature(build_network(RunSpec().model))


class Applies(nn.Module):
    """A part whose function is an attribute."""

    def __init__(self, function):
        super().__init__()
        self.function = function


def test_parts_that_apply_other_functions_differ():
    functions = [torch.tanh, torch.sin, lambda x: x + 1, lambda x: x + 2]
    assert len({digest(signature(Applies(each))) for each in functions}) == 4
    assert signature(Applies(torch.tanh)) == signature(Applies(torch.tanh))


def test_a_part_of_torch_that_does_not_print_its_configuration_is_told_apart():
    heads = [nn.MultiheadAttention(8, count) for count in (2, 4)]
    assert len({digest(signature(each)) for each in heads}) == 2
