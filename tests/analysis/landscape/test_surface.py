"""Loss surface: points against networks moved by hand, and the invariance that filter normalisation is for."""

import copy

import pytest
import torch
from torch import nn

from analysis.inputs.batches import ImageBatches
from analysis.landscape.directions import filter_normalised
from analysis.landscape.surface import coordinates, evaluate, loss_surface, use_statistics
from resnet_lab.data.load import load
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.spec import DataSpec, ModelSpec

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def batches():
    data = load(DataSpec(name="digits"), None, torch.device("cpu"))
    return ImageBatches.of(data, data.train, 20)


@pytest.fixture
def model():
    network = build_network(ModelSpec(depth=8, width=4), channels=1, classes=10)
    initialise(network, 0)
    return network.eval()


def surface(model, batches, bn):
    directions = (filter_normalised(model, 0, 0), filter_normalised(model, 0, 1))
    return loss_surface(model, batches, directions, coordinates(3, 0.5), bn, lambda: None), directions


@pytest.mark.parametrize("bn", ["eval", "train"])
def test_points_are_networks_moved_along_both_directions(model, batches, bn):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    points, directions = surface(model, batches, bn)
    assert [(point.alpha, point.beta) for point in points[:4]] == [(-0.5, -0.5), (0, -0.5), (0.5, -0.5), (-0.5, 0)]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    for point in (points[4], points[5]):
        moved = copy.deepcopy(model)
        for name, part in directions[0].items():
            moved.get_parameter(name).data += point.alpha * part
        use_statistics(moved, bn)
        with torch.no_grad():
            loss, error = evaluate(moved, batches)
        assert point.loss == pytest.approx(loss, rel=1e-3)
        assert point.error == pytest.approx(error)


def test_the_scale_of_filters_under_a_norm_changes_nothing(model, batches):
    """Li et al. 2018, section 4: what filter normalisation is for. Running statistics would not follow the scale."""
    rescaled = copy.deepcopy(model)
    with torch.no_grad():
        for module in rescaled.modules():
            if isinstance(module, nn.Conv2d):
                module.weight *= 3
    ours, _ = surface(model, batches, "train")
    theirs, _ = surface(rescaled, batches, "train")
    assert [point.loss for point in theirs] == pytest.approx([point.loss for point in ours], rel=2e-3)


def test_the_middle_of_the_grid_is_the_network_itself():
    assert coordinates(5, 1.0) == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert coordinates(7, 0.3)[3] == 0


def test_a_network_that_diverged_is_refused(model, batches):
    nn.init.constant_(model.fc.weight, float("nan"))
    with pytest.raises(UserError, match="not finite"):
        surface(model, batches, "eval")
