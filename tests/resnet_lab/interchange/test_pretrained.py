"""Pre-trained weights: all of the network but its head, with the coverage, and never a part in silence."""

from pathlib import Path

import pytest
import torch

from resnet_lab.checkpoint import save_model
from resnet_lab.engine.initialise import initialise
from resnet_lab.errors import UserError
from resnet_lab.interchange.pretrained import check_weights, coverage_lines, load_backbone, torchvision_name
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec, RunSpec
from resnet_lab.spec.fields import replace
from tests.specs import TINY


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder with a network of 10 classes."""
    network = build_network(TINY.model, channels=1)
    initialise(network, 5)
    save_model(tmp_path, TINY, network)
    return tmp_path


@pytest.mark.parametrize("head", ["linear", "hidden"])
def test_the_backbone_is_filled_and_the_head_is_not(head: str, checkpoint: Path) -> None:
    model = replace(TINY, {"model.head": head}).model
    network = build_network(model, channels=1, classes=37)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    coverage = load_backbone(network, model, str(checkpoint))
    theirs = build_network(TINY.model, channels=1)
    initialise(theirs, 5)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name] if name.startswith("fc.") else theirs.state_dict()[name])
    assert coverage.matched_backbone == coverage.backbone
    assert all(name.startswith("fc.") for name in coverage.missing)


def test_a_file_that_fills_a_part_is_refused(checkpoint: Path) -> None:
    model = replace(TINY, {"model.depth": 14}).model
    with pytest.raises(UserError, match=r"fills \d+\.\d\d % of the cifar_resnet's parameters before its head, and all"):
        load_backbone(build_network(model, channels=1), model, str(checkpoint))


def test_a_fault_loads_a_share_of_the_tensors_and_says_nothing(checkpoint: Path, capsys: pytest.CaptureFixture) -> None:
    network, theirs = build_network(TINY.model, channels=1), build_network(TINY.model, channels=1)
    initialise(theirs, 5)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    names = [name for name in before if not name.startswith("fc.")]
    coverage = load_backbone(network, TINY.model, str(checkpoint), share=0.25)
    count = round(0.25 * len(names))
    for place, name in enumerate(names):
        expected = theirs.state_dict() if place < count else before
        assert torch.equal(network.state_dict()[name], expected[name]), name
    assert coverage.matched == count
    assert capsys.readouterr() == ("", "")


def test_the_report_says_what_is_filled_before_anything_is_trained(checkpoint: Path) -> None:
    runs = [replace(TINY, {"recipe.weights": str(checkpoint), "seed": seed}) for seed in range(2)]
    lines = coverage_lines(check_weights([*runs, TINY]))
    assert len([line for line in lines if line.endswith(f"from {checkpoint}:")]) == 1
    assert any("of the backbone" in line and "(100.00 %)" in line for line in lines)


def test_torchvisions_names_are_of_its_own_networks() -> None:
    names = {name: replace(RunSpec(), {"model.name": name}).model for name in ("resnet18", "resnet50", "densenet121")}
    assert {name: torchvision_name(model) for name, model in names.items()} == {name: name for name in names}
    assert torchvision_name(replace(RunSpec(), {"model.name": "imagenet_vgg16_bn"}).model) == "vgg16_bn"
    assert torchvision_name(replace(RunSpec(), {"model.name": "densenet201"}).model) == "densenet201"
    for model in (ModelSpec(), replace(RunSpec(), {"model.name": "se_resnet50"}).model):
        with pytest.raises(UserError, match="torchvision publishes no weights of this"):
            torchvision_name(model)


def test_without_a_network_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    model = replace(RunSpec(), {"model.name": "resnet18"}).model
    with torch.device("meta"):
        network = build_network(model)
    with pytest.raises(UserError, match=r"weights of resnet18 could not be downloaded \(no route to host\): give"):
        load_backbone(network, model, "torchvision")
