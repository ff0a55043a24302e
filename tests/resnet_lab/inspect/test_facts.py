"""Facts of a network: depth, order, parameters and FLOPs against known answers and torch's own counter."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from resnet_lab.data.catalog import CATALOG, info_of
from resnet_lab.errors import UserError
from resnet_lab.inspect import facts
from resnet_lab.inspect.order import block_orders, tail
from resnet_lab.inspect.trace import trace
from resnet_lab.networks import build_network
from resnet_lab.networks.build import count_parameters
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace


def spec(name="cifar_resnet", **changes):
    return replace(RunSpec(), {"model.name": name} | {key.replace("__", "."): value for key, value in changes.items()})


def inspect(run):
    return facts.inspect(run.model, info_of(run.data).shape)


def traced(run):
    info = CATALOG[run.data.name]
    return trace(run.model, channels=info.channels, classes=info.classes, size=info.size)


@pytest.mark.parametrize(
    ("name", "depth", "parameters"),
    [
        ("resnet20", 20, 269_722),
        ("resnet110", 110, 1_727_962),
        ("preact_resnet164", 164, 1_703_258),
        ("wrn_28_10", 28, 36_479_194),
        ("wrn_40_2", 40, 2_243_546),
        ("resnet18", 18, 11_181_642),
        ("resnet152", 152, 58_164_298),
        ("se_resnet110", 110, 1_742_200),
        ("densenet_bc_100_12", 100, 769_162),
        ("vgg16_bn", 16, None),
        ("resnet50v2", 50, None),
    ],
)
def test_depth_is_the_number_in_the_name(name, depth, parameters):
    found = inspect(spec(name))
    assert found.depth == depth
    assert parameters in (None, found.parameters)


def test_stride_two_convolutions_of_their_own_count():
    """Between stages there are two more than the 6n+2 layers, after each stage three."""
    assert inspect(spec(model__depth=20, model__block__downsample="separate_conv")).depth == 22
    assert inspect(spec(model__depth=20, model__block__downsample="separate_conv_each")).depth == 23


@pytest.mark.parametrize("shortcut", ["A", "B", "C", "none", "exclusive_gating", "conv1x1", "dropout"])
def test_what_is_off_the_main_path_does_not_count(shortcut):
    assert inspect(spec(model__block__shortcut=shortcut)).depth == 20


@pytest.mark.parametrize(
    "changes",
    [
        {"model__depth": 32, "model__block__shortcut": "B"},
        {"model__depth": 20, "model__block__shortcut": "exclusive_gating"},
        {"model__depth": 20, "model__block__norm": "group", "model__block__activation": "gelu"},
        {"model__depth": 20, "model__block__norm": "none", "model__block__branch_init": "fixup"},
        {"name": "se_resnet50", "data__name": "cifar100"},
        {"name": "resnet50", "model__block__stride_on": "conv1"},
        {"model__depth": 20, "model__block__shortcut": "avg_pool"},
        {"name": "preact_resnet164", "model__block__drop_path": 0.5},
        {"name": "densenet_bc_100_12"},
        {"name": "vgg16_bn"},
        {"name": "resnet50v2"},
        {"name": "mnist_cnn", "data__name": "mnist"},
        {"name": "resnet20", "data__name": "digits"},
    ],
)
def test_flops_and_parameters_are_those_of_torch_over_the_whole_network(changes):
    """The trace runs equal blocks once and counts without torch's mode: the sums must not show it."""
    run = spec(**changes)
    info = CATALOG[run.data.name]
    with torch.device("meta"):
        network = build_network(run.model, channels=info.channels, classes=info.classes).eval()
        image = torch.empty(1, info.channels, info.size, info.size)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(image)
    found = traced(run)
    assert found.flops == counter.get_total_flops() == sum(unit.flops for unit in found.units)
    assert found.parameters == count_parameters(network) == sum(unit.parameters for unit in found.units)


def test_a_stride_on_the_first_convolution_saves_three_quarters_of_it():
    """In each of the two blocks that stride, the first 1x1 convolution runs at a quarter of the pixels."""
    runs = (spec("preact_resnet164", model__block__stride_on=where) for where in ("conv2", "conv1"))
    late, early = (traced(run).flops for run in runs)
    saved = [2 * 64 * 32 * (32**2 - 16**2), 2 * 128 * 64 * (16**2 - 8**2)]
    assert late - early == sum(saved)


def test_equal_blocks_have_equal_keys_and_every_unit_its_shape():
    units = traced(spec(model__depth=20)).units
    blocks = [unit for unit in units if unit.kind == "ResidualBlock"]
    assert [unit.name for unit in blocks] == [f"stages.{stage}.{block}" for stage in range(3) for block in range(3)]
    assert [unit.output for unit in blocks] == [(16, 32, 32)] * 3 + [(32, 16, 16)] * 3 + [(64, 8, 8)] * 3
    assert [len({unit.key for unit in blocks[start : start + 3]}) for start in (0, 3, 6)] == [1, 2, 2]
    assert units[-1].output == (10,)


def test_the_order_of_operations_is_read_from_the_blocks():
    """He et al. 2016, section 3.2: the first block's activation belongs to the stem, and one more follows the last."""
    network = traced(spec(model__depth=110, model__block__preactivation="full")).network
    assert block_orders(network) == {"c n a c |": 1, "n a c n a c |": 53}
    assert tail(network) == "na"
    assert block_orders(traced(spec()).network) == {"c n a c n | a": 9}


@pytest.mark.parametrize(
    ("changes", "norm", "activation"),
    [
        ({}, True, True),
        ({"model__block__act_position": "none"}, True, False),
        ({"model__block__norm_position": "after_add"}, True, True),
        ({"model__block__preactivation": "full"}, True, True),
        ({"model__block__preactivation": "full", "model__final_norm": False}, False, False),
        ({"model__block__shortcut": "none"}, True, True),
        ({"name": "densenet121"}, True, None),
    ],
)
def test_the_final_norm_and_activation(changes, norm, activation):
    found = inspect(spec(**changes))
    assert (found.final_norm, found.final_activation) == (norm, activation)


def test_a_plain_net_has_no_residual_blocks():
    assert inspect(spec(model__block__shortcut="none")).residual_blocks == 0
    assert inspect(spec()).residual_blocks == 9


def test_images_that_a_network_cannot_read_are_refused():
    with pytest.raises(UserError, match="pixels"):
        inspect(spec("vgg16_bn", data__name="digits"))
