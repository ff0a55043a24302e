"""What a branch may have besides: kernel lists, dropout between convolutions, a factor for each channel, ReZero."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ablations.block import build_block
from ablations.choices import BranchInit
from ablations.layout import TABLE, describe
from ablations.scalars import Factor, LayerScale
from ablations.spec import BlockSpec
from resnet_lab.data.catalog import info_of
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.inspect.facts import inspect
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec, RunSpec
from resnet_lab.spec.families import stages
from resnet_lab.spec.fields import replace
from resnet_lab.spec.fingerprint import fingerprint

WIDE = {"model.name": "wide_resnet", "model.block.preactivation": "full", "model.block.shortcut": "B"}


def convolutions(block):
    return [part for part in block.branch if isinstance(part, nn.Conv2d)]


@pytest.mark.parametrize(
    ("kernels", "order"),
    [
        (3, "n a c |"),
        (33, "n a c n a c |"),
        (313, "n a c n a c n a c |"),
        (13, "n a c n a c |"),
        (3333, "n a c n a c n a c n a c |"),
    ],
)
def test_a_kernel_list_is_the_branchs_convolutions(kernels, order):
    """Zagoruyko and Komodakis 2016, section 2.1: B(M), M a list of kernel sizes, a digit each."""
    spec = BlockSpec(preactivation="full", kernels=kernels)
    assert describe(spec) == order
    convs = convolutions(build_block(spec, 4, 8, 2))
    assert [conv.kernel_size for conv in convs] == [(int(k), int(k)) for k in str(kernels)]
    assert [conv.stride for conv in convs] == [(2, 2)] + [(1, 1)] * (len(convs) - 1)
    assert [(conv.in_channels, conv.out_channels) for conv in convs] == [(4, 8)] + [(8, 8)] * (len(convs) - 1)
    assert build_block(spec, 4, 8, 2)(torch.randn(2, 4, 7, 7)).shape == (2, 8, 4, 4)


@pytest.mark.parametrize("layout", TABLE.values(), ids=lambda layout: layout.basic)
def test_two_and_three_convolutions_are_the_papers_layouts(layout):
    assert (layout.branch(2), layout.branch(3)) == (layout.basic, layout.bottleneck)
    assert [layout.branch(count).count("c") for count in (1, 2, 3, 4)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("kernels", "depth", "blocks"),
    [(3, 40, 12), (33, 40, 6), (333, 40, 4), (3333, 40, 3), (131, 40, 4), (313, 22, 2)],
)
def test_a_wide_net_has_the_depth_of_its_name_whatever_its_blocks(kernels, depth, blocks):
    """Tables 2 and 3 of the same paper: of 40 layers, l = 1, 2, 3 or 4 convolutions a block."""
    run = replace(RunSpec(), {**WIDE, "model.depth": depth, "model.width": 32, "model.block.kernels": kernels})
    assert stages(run.model) == (blocks,) * 3
    assert inspect(run.model, info_of(run.data).shape).depth == depth


def test_wide_nets_of_equal_depth_have_about_equal_parameters():
    """Table 3: the deepening factor changes the blocks at 2.2 million parameters."""
    found = {}
    for kernels in (3, 33, 333, 3333):
        changes = {**WIDE, "model.depth": 40, "model.width": 32, "model.block.kernels": kernels}
        run = replace(RunSpec(), changes)
        found[kernels] = inspect(run.model, info_of(run.data).shape).parameters
    assert all(abs(count / 2.2e6 - 1) < 0.05 for count in found.values()), found


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model.block.kernels": 23}, "has a digit of 1, 3, 5 or 7 for each convolution: set kernels=33"),
        ({"model.block.kernels": 0}, "has a digit of 1, 3, 5 or 7"),
        ({"model.block.kernels": -33}, "has a digit of 1, 3, 5 or 7"),
        ({"model.block.kernels": 3, "model.block.branch_dropout": 0.3}, "between two convolutions: set kernels=33"),
        ({"model.block.kernels": 333, "model.block.kind": "bottleneck"}, "read by basic blocks only"),
        ({"model.block.kernels": 333, "model.depth": 26}, "depth 26 is not 9n\\+2"),
        ({"model.name": "resnet18", "model.block.kernels": 333}, "counts two convolutions in a basic block"),
        ({"model.block.layer_scale_start": 1e-4}, "set branch_init=layer_scale"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_change(changes, says):
    with pytest.raises(UserError, match=says):
        replace(RunSpec(), changes)


def test_dropout_stands_between_the_last_two_convolutions():
    """The same paper, section 2.4: between the convolutions and after the ReLU."""
    assert describe(BlockSpec(preactivation="full", branch_dropout=0.3)) == "n a c n a d c |"
    assert describe(BlockSpec(kind="bottleneck", branch_dropout=0.3)) == "c n a c n a d c n | a"
    block = build_block(BlockSpec(preactivation="full", branch_dropout=0.3), 4, 4).double()
    x = torch.randn(6, 4, 5, 5, dtype=torch.float64)
    parts = dict(block.branch.named_children())
    hidden = parts["act2"](parts["norm2"](parts["conv1"](parts["act1"](parts["norm1"](x)))))
    torch.manual_seed(1)
    expected = x + parts["conv2"](F.dropout(hidden, 0.3, training=True))
    torch.manual_seed(1)
    torch.testing.assert_close(block(x), expected)
    block.eval()
    without = build_block(BlockSpec(preactivation="full"), 4, 4).double().eval()
    without.load_state_dict(block.state_dict())
    assert torch.equal(block(x), without(x))


def test_layer_scale_multiplies_each_channel_by_a_number_of_its_own():
    spec = BlockSpec(branch_init="layer_scale", layer_scale_start=0.25)
    block = build_block(spec, 4, 4).double()
    plain = build_block(BlockSpec(), 4, 4).double()
    plain.load_state_dict({k: v for k, v in block.state_dict().items() if "layer_scale" not in k})
    scale = block.branch.layer_scale1
    assert isinstance(scale, LayerScale)
    assert torch.equal(scale.value, torch.full((4,), 0.25, dtype=torch.float64))
    x = torch.randn(3, 4, 5, 5, dtype=torch.float64)
    with torch.no_grad():
        scale.value.copy_(torch.tensor([0.0, 1.0, -2.0, 0.5]))
    expected = F.relu(x + plain.branch(x) * torch.tensor([0.0, 1.0, -2.0, 0.5])[None, :, None, None])
    torch.testing.assert_close(block(x), expected)
    initialise(block, 0)
    assert scale.value.tolist() == [0.25] * 4


def test_rezero_is_the_other_name_of_skipinit():
    """Bachlechner et al. 2020: x + alpha F(x), alpha at first 0."""
    spec = BlockSpec(branch_init="rezero")
    assert spec == BlockSpec(branch_init="skipinit")
    runs = [replace(RunSpec(), {"model.block.branch_init": name}) for name in ("rezero", "skipinit")]
    assert fingerprint(runs[0]) == fingerprint(runs[1])
    factors = [m for m in build_network(ModelSpec(depth=8, block=spec)).modules() if isinstance(m, Factor)]
    assert [factor.value.item() for factor in factors] == [0.0] * 3
    with pytest.raises(ValueError, match="rezeroo"):
        BranchInit("rezeroo")
