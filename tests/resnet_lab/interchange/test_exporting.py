"""Export: our networks load strictly into others' code, and compute the same there."""

import pytest
import torch
from safetensors.torch import load_file

from resnet_lab.checkpoint import load_model, save_model
from resnet_lab.errors import UserError
from resnet_lab.interchange.exporting import counterpart, export_checkpoint
from resnet_lab.interchange.importing import Normalise, import_checkpoint, write
from resnet_lab.interchange.names import Format
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace


def kept(folder, randomise, changes, classes=10):
    """Keep a network of ours with random weights, as a trial does."""
    spec = replace(RunSpec(), {f"model.{name}": value for name, value in changes.items()})
    with torch.device("meta"):
        model = build_network(spec.model, channels=3, classes=classes)
    model = randomise(model.to_empty(device="cpu"))
    folder.mkdir()
    save_model(folder, spec, model)
    return model


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("resnet18", ".safetensors"),
        pytest.param("resnet50", ".safetensors", marks=pytest.mark.slow),
        ("densenet121", ".pth"),
        pytest.param("densenet169", ".pth", marks=pytest.mark.slow),
    ],
)
def test_there_and_back_again(tmp_path, foreign, name, suffix):
    theirs = foreign(name, num_classes=17)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    write(import_checkpoint(tmp_path / "theirs.pth"), tmp_path / "ours")
    out = tmp_path / f"back{suffix}"
    assert export_checkpoint(tmp_path / "ours", out).style == Format.TORCHVISION
    back = load_file(out) if suffix == ".safetensors" else torch.load(out, weights_only=True)
    assert set(back) == set(theirs.state_dict())
    for key, tensor in theirs.state_dict().items():
        assert torch.equal(back[key], tensor)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_our_networks_compute_the_same_in_torchvision(tmp_path, randomise, name):
    from torchvision import models

    ours = kept(tmp_path / "trial", randomise, {"name": name})
    export_checkpoint(tmp_path / "trial" / "model.safetensors", tmp_path / "out.pth")
    theirs = getattr(models, name)(num_classes=10).eval()
    theirs.load_state_dict(torch.load(tmp_path / "out.pth", weights_only=True), strict=True)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = theirs(images)
        torch.testing.assert_close(ours(images), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("changes", "suffix"),
    [
        ({"depth": 8}, ".th"),
        ({"depth": 14, "block.shortcut": "B"}, ".safetensors"),
        ({"depth": 8, "block.shortcut": "C"}, ".pt"),
        ({"name": "se_resnet50"}, ".safetensors"),
    ],
)
def test_every_exportable_kind_is_read_back_as_it_was(tmp_path, randomise, changes, suffix):
    kept(tmp_path / "trial", randomise, changes)
    trial = load_model(tmp_path / "trial")
    out = tmp_path / f"out{suffix}"
    assert export_checkpoint(tmp_path / "trial", out).normalisation is None
    back = import_checkpoint(out, normalise=Normalise.AUTO if suffix == ".safetensors" else Normalise.DATA)
    assert back.run.model == trial.spec.model
    assert back.provenance.normalisation is None  # the data's own: the safetensors file says so itself
    for name, tensor in trial.model.state_dict().items():
        assert torch.equal(back.model.state_dict()[name], tensor)


def test_images_that_were_not_normalised_are_not_when_the_file_comes_back(tmp_path, randomise):
    spec = replace(RunSpec(), {"model.depth": 8, "data.normalise": "none"})
    model = randomise(build_network(spec.model, channels=3, classes=10))
    save_model(tmp_path, spec, model)
    export_checkpoint(tmp_path, tmp_path / "out.safetensors")
    own = import_checkpoint(tmp_path / "out.safetensors").provenance.normalisation
    assert (own.mean, own.std) == ((0.0,) * 3, (1.0,) * 3)


def test_a_mean_for_each_pixel_cannot_be_told_to_other_code(tmp_path, randomise):
    spec = replace(RunSpec(), {"model.depth": 8, "data.normalise": "per_pixel"})
    save_model(tmp_path, spec, randomise(build_network(spec.model, channels=3, classes=10)))
    with pytest.raises(UserError, match=r"per_pixel.*keep its model\.safetensors"):
        export_checkpoint(tmp_path, tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


def test_the_public_cifar_file_survives_the_round_trip(tmp_path, public_resnet20):
    write(import_checkpoint(public_resnet20), tmp_path / "ours")
    export_checkpoint(tmp_path / "ours", tmp_path / "back.th")
    before = torch.load(public_resnet20, map_location="cpu", weights_only=True)["state_dict"]
    after = torch.load(tmp_path / "back.th", weights_only=True)["state_dict"]
    assert {name for name in after if "num_batches" not in name} == set(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize(
    "changes",
    [
        {"block.shortcut": "none"},
        {"block.shortcut": "avg_pool"},
        {"name": "resnet50", "block.stride_on": "conv1"},
        {"block.norm_position": "after_add"},
        {"block.act_position": "before_add"},
        {"block.preactivation": "full"},
        {"block.activation": "silu"},
        {"block.norm": "group"},
        {"block.shortcut": "constant_scaling"},
        {"block.shortcut": "dropout"},
        {"block.drop_path": 0.5},
        {"block.downsample": "separate_conv"},
        {"block.downsample": "separate_conv_each"},
        {"block.attention": "se"},
        {"stem": "imagenet"},
        {"name": "resnet18", "block.shortcut": "A"},
        {"name": "resnet18", "stem": "cifar"},
        {"name": "resnet18", "width": 32},
        {"name": "resnet18", "block.attention": "se"},
        {"name": "wrn_40_2"},
        {"name": "vgg16_bn"},
        {"name": "mnist_resnet"},
        {"name": "densenet_bc_100_12"},
        {"name": "resnet50v2"},
    ],
)
def test_a_network_without_a_counterpart_is_refused(changes):
    spec = replace(RunSpec(), {f"model.{name}": value for name, value in changes.items()})
    with pytest.raises(UserError):
        counterpart(spec.model)


def test_a_bad_target_is_refused(tmp_path, randomise):
    kept(tmp_path / "trial", randomise, {"depth": 8})
    for out, message in (("out.onnx", "must end in"), ("no/out.pth", "cannot write")):
        with pytest.raises(UserError, match=message):
            export_checkpoint(tmp_path / "trial", tmp_path / out)
    with pytest.raises(UserError, match="cannot read the checkpoint"):
        export_checkpoint(tmp_path / "none", tmp_path / "out.pth")


def test_a_vgg_has_torchvisions_names_and_a_narrower_one_no_counterpart():
    from torchvision import models

    spec = replace(RunSpec(), {"model.name": "imagenet_vgg11_bn"}).model
    assert counterpart(spec) == Format.TORCHVISION
    with torch.device("meta"):
        ours, theirs = build_network(spec, channels=3, classes=1000), models.vgg11_bn()
    assert {name: each.shape for name, each in ours.state_dict().items()} == {
        name: each.shape for name, each in theirs.state_dict().items()
    }
    with pytest.raises(UserError, match="has no counterpart in torchvision"):
        counterpart(replace(spec, {"width": 32}))


@pytest.mark.parametrize(
    ("name", "value"), [("act_position", "none"), ("shortcut", "avg_pool"), ("activation", "gelu")]
)
def test_a_refusal_names_the_field_that_has_no_form_elsewhere(name, value):
    spec = replace(RunSpec(), {f"model.block.{name}": value})
    with pytest.raises(
        UserError, match=f"^model.block.{name}={value} has no form in torchvision or others' code: keep"
    ):
        counterpart(spec.model)
