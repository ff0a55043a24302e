"""DenseNet-BC has the paper's parameters and depth, and computes what torchvision's parts compute."""

import pytest
import torch
from torch import nn
from torchvision.models import DenseNet

from resnet_lab.networks.build import count_parameters


@pytest.mark.parametrize(
    ("name", "depth", "parameters"),
    # Huang et al. 2017, table 2: 0.8 M and 25.6 M.
    [("densenet_bc_100_12", 100, 769_162), ("densenet_bc_190_40", 190, 25_624_430)],
)
def test_it_has_the_published_parameters_and_depth(build, name, depth, parameters):
    with torch.device("meta"):
        net = build(name)
    assert count_parameters(net) == parameters
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in net.modules()) == depth


@pytest.mark.parametrize("size", [32, 9])
def test_the_same_weights_give_the_outputs_of_torchvisions_dense_blocks(build, copy_in_order, size):
    growth, layers = 4, 3
    theirs = DenseNet(growth, (layers,) * 3, 2 * growth, num_classes=10).eval()
    theirs.features.conv0 = nn.Conv2d(3, 2 * growth, 3, padding=1, bias=False)
    theirs.features.norm0 = theirs.features.relu0 = theirs.features.pool0 = nn.Identity()
    ours = build("densenet_bc", model__depth=6 * layers + 4, model__width=growth).eval()
    copy_in_order(theirs, ours)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-5, atol=1e-5)
