"""The CIFAR network of He et al. 2015: its size to the parameter, its shapes, any image, nothing overwritten."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ablations.choices import BlockKind, Shortcut
from ablations.layout import TABLE
from ablations.spec import BlockSpec
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.networks.build import count_parameters
from resnet_lab.spec import ModelSpec

SEPARATE = ("separate_conv", "separate_conv_each")
PLACEMENTS = [dict(zip(("preactivation", "norm_position", "act_position"), key, strict=True)) for key in TABLE]

# Norms with scale and shift, convolutions without bias, one linear layer with: the paper's 0.27, 0.46, 0.66, 0.85 and
# 1.7 million (He et al. 2015, table 6, shortcut A), to the last one.
PARAMETERS = {
    "A": {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962},
    "B": {20: 272_474, 32: 466_906, 44: 661_338, 56: 855_770, 110: 1_730_714},
    "C": {20: 283_962, 32: 489_594, 44: 695_226, 56: 900_858, 110: 1_826_202},
}


def images(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shortcut", PARAMETERS)
@pytest.mark.parametrize("depth", PARAMETERS["A"])
def test_the_published_nets_have_the_published_number_of_parameters(shortcut, depth):
    with torch.device("meta"):
        model = build_network(ModelSpec(depth=depth, block=BlockSpec(shortcut=shortcut)))
    assert count_parameters(model) == PARAMETERS[shortcut][depth]


@pytest.mark.parametrize("kind", BlockKind)
@pytest.mark.parametrize("placement", PLACEMENTS, ids=str)
def test_a_network_with_weights_has_as_many_as_one_without(placement, kind):
    spec = ModelSpec(block=BlockSpec(**placement, kind=kind, shortcut="B"))
    with torch.device("meta"):
        expected = count_parameters(build_network(spec))
    model = build_network(spec)
    assert count_parameters(model) == expected == sum(tensor.numel() for tensor in model.parameters())


def test_a_plain_net_is_the_residual_net_of_shortcut_a_without_its_additions():
    plain, residual = (build_network(ModelSpec(block=BlockSpec(shortcut=shortcut))) for shortcut in ("none", "A"))
    assert plain.state_dict().keys() == residual.state_dict().keys()
    assert all(block.shortcut is None for block in plain.blocks())


def test_frozen_parameters_are_not_counted():
    model = nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    assert count_parameters(model) == 6


@pytest.mark.parametrize(("kind", "depth", "expansion"), [("basic", 20, 1), ("bottleneck", 29, 4)])
def test_stages_halve_the_image_and_double_the_channels(kind, depth, expansion):
    """He et al. 2015, section 4.2: 32, 16 and 8 pixels with 16, 32 and 64 filters."""
    model = build_network(ModelSpec(depth=depth, block=BlockSpec(kind=kind))).eval()
    shapes = []
    for stage in model.stages:
        stage.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape)))
    model(images(2, 3, 32, 32))
    assert shapes == [(2, 16 * expansion, 32, 32), (2, 32 * expansion, 16, 16), (2, 64 * expansion, 8, 8)]


def test_a_convolution_after_each_stage_halves_the_image_once_more_before_pooling():
    """Text T1: the third of its stride-2 convolutions stands between the last stage and the pooling."""
    between, each = (build_network(ModelSpec(block=BlockSpec(downsample=d))) for d in SEPARATE)
    assert count_parameters(each) == count_parameters(between) + 64 * 64 * 9 + 2 * 64
    shapes = []
    for name in ("stages.1.down", "stages.2.down", "stages.2.down_last"):
        each.get_submodule(name).register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape)))
    each(images(2, 3, 32, 32))
    assert shapes == [(2, 32, 16, 16), (2, 64, 8, 8), (2, 64, 4, 4)]


@pytest.mark.parametrize(("kind", "depth", "count"), [("basic", 20, 9), ("basic", 110, 54), ("bottleneck", 164, 54)])
def test_there_are_as_many_blocks_as_the_depth_says(kind, depth, count):
    with torch.device("meta"):
        model = build_network(ModelSpec(depth=depth, block=BlockSpec(kind=kind)))
    assert len(model.blocks()) == count


@given(
    size=st.tuples(st.integers(1, 17), st.integers(1, 17)),
    channels=st.integers(1, 4),
    classes=st.integers(1, 12),
    width=st.integers(1, 5),
    placement=st.sampled_from(PLACEMENTS),
    kind=st.sampled_from(list(BlockKind)),
    shortcut=st.sampled_from([Shortcut.A, Shortcut.B]),
)
@settings(max_examples=60, deadline=None)
def test_one_image_of_any_size_and_channels_gives_logits(size, channels, classes, width, placement, kind, shortcut):
    block = BlockSpec(**placement, kind=kind, shortcut=shortcut)
    depth = 8 if kind == BlockKind.BASIC else 11
    model = build_network(ModelSpec(depth=depth, width=width, block=block), channels=channels, classes=classes)
    initialise(model, 0)
    logits = model.eval()(images(1, channels, *size))
    assert logits.shape == (1, classes)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("placement", PLACEMENTS, ids=str)
def test_working_in_place_changes_no_bit_of_a_networks_logits_or_gradients(placement, shortcut):
    """Blocks hand tensors on, so that one could spoil what another still needs."""
    model = build_network(ModelSpec(depth=14, width=4, block=BlockSpec(**placement, shortcut=shortcut)))
    careful = copy.deepcopy(model)
    for part in careful.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    x = images(4, 3, 7, 9)
    results = []
    for net in (model, careful):
        logits = net(x)
        nn.functional.cross_entropy(logits, torch.arange(4)).backward()
        results.append([logits, *(parameter.grad for parameter in net.parameters())])
    assert any(part.inplace for part in model.modules() if isinstance(part, nn.ReLU))
    assert all(torch.equal(ours, expected) for ours, expected in zip(*results, strict=True))


def test_at_one_block_per_stage_c_is_refused_where_it_builds_the_network_of_b():
    """A bottleneck's first block changes shape in every stage, so that there is nothing left for C to project."""
    block = BlockSpec(kind="bottleneck", shortcut="C")
    with pytest.raises(ValueError, match=r"shortcut=C builds the same network as B: set block.shortcut=B, or depth=20"):
        ModelSpec(depth=11, block=block)
    assert ModelSpec(depth=20, block=block).block.shortcut == Shortcut.C
    assert ModelSpec(depth=8, block=BlockSpec(shortcut="C")).block.shortcut == Shortcut.C
