"""ResNets are what their names say: published parameters, depth as the paper counts it, torchvision's outputs."""

import pytest
import torch
import torchvision
from torch import nn

from resnet_lab.networks.build import count_parameters
from resnet_lab.networks.resnet import ResNet, residual_blocks

DEPTHS = (20, 32, 44, 56, 110, 1202)
# He et al. 2015, table 6, and its option C: computed from the paper's layer sizes.
CIFAR = {
    "A": (269_722, 464_154, 658_586, 853_018, 1_727_962, 19_421_274),
    "B": (272_474, 466_906, 661_338, 855_770, 1_730_714, 19_424_026),
    "C": (283_962, 489_594, 695_226, 900_858, 1_826_202, 20_538_714),
}
TORCHVISION = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
OTHERS = {
    "wrn_28_10": 36_479_194,
    "wrn_40_2": 2_243_546,
    "preact_resnet164": 1_703_258,
    "preact_resnet1001": 10_327_706,
}


def main_path(network: nn.Module) -> int:
    """Count weighted layers as the papers do: convolutions and linear layers, no projections, no squeeze."""
    off_path = ("shortcut", "squeeze", "excite")
    layers = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    return sum(not any(part in name.split(".") for part in off_path) for name in layers)


@pytest.mark.parametrize(
    ("shortcut", "depth"),
    [
        pytest.param(shortcut, depth, marks=pytest.mark.slow if depth == DEPTHS[-1] and shortcut != "A" else ())
        for shortcut in CIFAR
        for depth in DEPTHS
    ],
)
def test_cifar_nets_have_the_published_parameters(build, shortcut, depth):
    with torch.device("meta"):
        net = build("cifar_resnet", model__depth=depth, model__block__shortcut=shortcut)
    assert (count_parameters(net), main_path(net)) == (CIFAR[shortcut][DEPTHS.index(depth)], depth)


@pytest.mark.parametrize(("depth", "parameters"), TORCHVISION.items())
def test_imagenet_nets_have_torchvisions_parameters_and_depth(build, depth, parameters):
    with torch.device("meta"):
        net = build(f"resnet{depth}", classes=1000)
    assert count_parameters(net) == parameters
    assert main_path(net) == depth


def test_resnet50_for_ten_classes_has_the_parameters_of_the_founding_text(build):
    with torch.device("meta"):
        assert count_parameters(build("resnet50", classes=10)) == 23_528_522


@pytest.mark.parametrize(("name", "parameters"), OTHERS.items())
def test_other_families_have_their_published_parameters(build, name, parameters):
    with torch.device("meta"):
        assert count_parameters(build(name)) == parameters


def test_wide_resnets_count_their_projections_into_the_depth(build):
    with torch.device("meta"):
        net = build("wrn_28_10")
    assert sum(isinstance(module, nn.Conv2d) for module in net.modules()) == 28


@pytest.mark.parametrize(("name", "plain", "depth"), [("se_resnet50", "resnet50", 50), ("se_resnet110", "", 110)])
def test_squeeze_and_excitation_adds_two_layers_per_block_off_the_main_path(build, name, plain, depth):
    with torch.device("meta"):
        net = build(name, classes=1000)
        base = build(plain, classes=1000) if plain else build(name, classes=1000, model__block__attention="none")
    widths = [block.branch.se1.excite.out_channels for block in net.blocks()]
    added = sum(2 * width * (width // 16) + width // 16 + width for width in widths)
    assert count_parameters(net) == count_parameters(base) + added
    assert main_path(net) == depth
    if name == "se_resnet50":
        assert count_parameters(net) == 28_088_024  # Hu et al. 2018, table 2: 28.1 M


@pytest.mark.parametrize("depth", [18, 50])
def test_the_same_weights_give_torchvisions_outputs(build, copy_in_order, depth):
    theirs = getattr(torchvision.models, f"resnet{depth}")(num_classes=10).eval()
    ours = build(f"resnet{depth}").eval()
    copy_in_order(theirs, ours)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-5, atol=1e-5)


def test_blocks_come_in_order_and_only_from_nets_that_have_them(build):
    net = build("resnet20")
    assert isinstance(net, ResNet)
    assert net.blocks() == residual_blocks(net) == [block for stage in net.stages for block in stage]
    assert residual_blocks(build("vgg16_bn")) == []
