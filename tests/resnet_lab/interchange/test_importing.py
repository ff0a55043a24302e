"""Import of foreign networks: the same outputs, the right spec, and every file a reader needs."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torchvision import models

import resnet_lab.checkpoint
import resnet_lab.interchange.files
from resnet_lab.checkpoint import load_model, save_model
from resnet_lab.data.images import Images
from resnet_lab.data.load import load
from resnet_lab.engine.evaluate import evaluate
from resnet_lab.errors import UserError
from resnet_lab.interchange.coverage import compare
from resnet_lab.interchange.importing import Normalise, import_checkpoint, write
from resnet_lab.interchange.infer import infer
from resnet_lab.interchange.names import Format, bare, translate
from resnet_lab.networks import build_network
from resnet_lab.provenance import IMAGENET
from resnet_lab.spec import DataSpec, RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials.trial import read_trial


def imported_from(path, tensors, **options):
    torch.save(tensors, path)
    return import_checkpoint(path, **options)


def preset(name):
    return replace(RunSpec(), {"model.name": name}).model


@torch.inference_mode()
def same_outputs(ours, theirs, size):
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    expected = theirs(images)
    torch.testing.assert_close(ours(images), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "densenet121"])
def test_torchvision_networks_compute_the_same_here(tmp_path, foreign, name):
    theirs = foreign(name)
    imported = imported_from(tmp_path / "a.pth", theirs.state_dict())
    assert imported.spec == preset(name)
    assert imported.coverage.complete
    assert imported.coverage.tensors == len(theirs.state_dict())
    assert imported.provenance.classes == 1000
    assert imported.provenance.normalisation == IMAGENET
    assert imported.provenance.origin.format == Format.TORCHVISION
    same_outputs(imported.model, theirs, 64)


def on_meta(name):
    """Return what is inferred from a network of torchvision's that has shapes only, and its coverage."""
    with torch.device("meta"):
        tensors = getattr(models, name)(num_classes=100).state_dict()
        given = {ours: tensors[theirs] for theirs, ours in translate(bare(tensors)).items()}
        found = infer(given)
        return found, compare(build_network(found.run.model, channels=3, classes=100), given)


@pytest.mark.parametrize("name", ["resnet101", "resnet152"])
def test_deep_torchvision_networks_are_recognised(name):
    found, coverage = on_meta(name)
    assert found.run.model == preset(name)
    assert found.run.data.name == "cifar100"
    assert coverage.complete


@pytest.mark.parametrize("name", ["resnext50_32x4d", "wide_resnet50_2"])
def test_relatives_of_a_resnet_are_never_complete(name):
    assert on_meta(name)[1].differing


def test_a_densenet_with_the_names_of_2017_is_read(tmp_path, foreign):
    theirs = foreign("densenet121", num_classes=10)
    old = {}
    for name, tensor in theirs.state_dict().items():
        if "num_batches" not in name:
            for part in ("norm1", "norm2", "conv1", "conv2"):
                name = name.replace(f".{part}.", f".{part[:-1]}.{part[-1]}.") if "denselayer" in name else name
            old[name] = tensor
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    imported = imported_from(tmp_path / "a.pth", old)
    assert imported.coverage.complete
    same_outputs(imported.model, theirs, 64)


@pytest.mark.parametrize("name", ["densenet161", "densenet201", "vgg11", "vgg13_bn", "vgg16", "vgg19_bn"])
def test_torchvision_densenets_and_vggs_are_recognised(name):
    found, coverage = on_meta(name)
    assert found.run.model == preset(name if name.startswith("dense") else f"imagenet_{name}")
    assert coverage.complete


@pytest.mark.parametrize("norm", [False, True])
def test_a_vgg_of_torchvision_computes_the_same_here(tmp_path, randomise, norm):
    """A narrow one: torchvision's layers, classifier and forward, at an eighth of the channels."""
    features = models.vgg.make_layers([8, "M", 16, "M", 32, 32, "M", 64, 64, "M", 64, 64, "M"], batch_norm=norm)
    with torch.device("meta"):  # its own classifier alone has 124 million parameters
        theirs = models.VGG(features, num_classes=10, init_weights=False)
    theirs.classifier = nn.Sequential(
        *(nn.Linear(64 * 49, 512), nn.ReLU(), nn.Dropout(), nn.Linear(512, 512), nn.ReLU(), nn.Dropout()),
        nn.Linear(512, 10),
    )
    imported = imported_from(tmp_path / "a.pth", randomise(theirs).state_dict())
    assert (imported.spec.name, imported.spec.depth) == ("imagenet_vgg_bn" if norm else "imagenet_vgg", 11)
    assert (imported.spec.width, imported.coverage.complete) == (8, True)
    head = sum(parameter.numel() for parameter in theirs.classifier[6].parameters())
    assert imported.coverage.parameters - imported.coverage.backbone == head
    same_outputs(imported.model, theirs, 64)


@pytest.mark.parametrize(("name", "three"), [("vgg15_bn", False), ("vgg16_bn", True)])
def test_a_vgg_for_cifar_is_told_by_its_head(name, three):
    with torch.device("meta"):
        tensors = build_network(preset(name)).state_dict()
    assert ("classifier.6.weight" in tensors) == three
    assert infer(tensors).run.model == preset(name)


def test_a_deeper_densenet_of_torchvision_computes_the_same_here(tmp_path, foreign):
    theirs = foreign("densenet169", num_classes=10)
    imported = imported_from(tmp_path / "a.pth", theirs.state_dict())
    assert imported.spec == preset("densenet169")
    same_outputs(imported.model, theirs, 64)


def timm_se(randomise):
    """torchvision's ResNet-50 with timm's squeeze-and-excitation: fc1, ReLU, fc2, sigmoid after the last norm."""
    from torchvision.models import resnet50
    from torchvision.models.resnet import Bottleneck

    class Excitation(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.fc1, self.fc2 = nn.Conv2d(channels, channels // 16, 1), nn.Conv2d(channels // 16, channels, 1)

        def forward(self, x):
            return x * self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()

    def forward(self, x):
        branch = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))))
        return F.relu(self.se(branch) + (x if self.downsample is None else self.downsample(x)))

    model = resnet50(num_classes=7)
    for block in model.modules():
        if isinstance(block, Bottleneck):
            block.se = Excitation(block.bn3.num_features)
            block.forward = forward.__get__(block)
    return randomise(model)


def test_timm_squeeze_and_excitation_computes_the_same_here(tmp_path, randomise):
    theirs = timm_se(randomise)
    imported = imported_from(tmp_path / "a.pth", theirs.state_dict())
    assert imported.spec == preset("se_resnet50")
    assert imported.provenance.origin.format == Format.TIMM
    same_outputs(imported.model, theirs, 64)


@pytest.mark.parametrize(
    "changes",
    [
        {"depth": 20},
        {"depth": 8, "block.shortcut": "C"},
        {"depth": 14, "block.shortcut": "B", "width": 8},
        {"depth": 11, "block.kind": "bottleneck", "block.shortcut": "B"},
        {"depth": 20, "block.kind": "bottleneck"},
        {"depth": 14, "block.attention": "se"},
        {"name": "imagenet_resnet", "depth": 18, "width": 8, "block.shortcut": "A"},
    ],
)
def test_a_spec_is_inferred_from_names_and_shapes(tmp_path, randomise, changes):
    from resnet_lab.interchange.names import to_foreign

    spec = replace(RunSpec(), {f"model.{name}": value for name, value in changes.items()}).model
    model = randomise(build_network(spec, channels=1, classes=10))
    tensors = {to_foreign(name, Format.AKAMASTER): tensor for name, tensor in model.state_dict().items()}
    imported = imported_from(tmp_path / "a.pth", {"net": {f"module.{name}": each for name, each in tensors.items()}})
    assert imported.spec == spec
    assert imported.run.data.name == "mnist"
    assert imported.provenance.normalisation is None


def test_other_networks_are_refused_and_not_half_loaded(tmp_path, foreign):
    with pytest.raises(UserError, match="no network is recognised"):
        imported_from(tmp_path / "a.pth", foreign("mobilenet_v3_small").state_dict())
    extra = foreign("resnet18").state_dict() | {"layer1.0.conv4.weight": torch.ones(1)}
    with pytest.raises(UserError, match="holds 1 tensors that the network has no place for"):
        imported_from(tmp_path / "a.pth", extra)
    fewer = {name: each for name, each in foreign("resnet18").state_dict().items() if "layer4.1" not in name}
    with pytest.raises(UserError, match="2-2-2-1 basic"):
        imported_from(tmp_path / "a.pth", fewer)


@pytest.mark.parametrize("shape", [(10**12, 0, 3, 3), (0, 3, 3, 3), (16, 0, 3, 3), (16,), (10**15, 0)])
def test_absurd_shapes_are_refused(tmp_path, shape):
    tensors = {"fc.weight": torch.ones(10, 64), "conv1.weight": torch.zeros(shape)}
    tensors |= {f"layer{stage}.0.conv1.weight": torch.zeros(shape) for stage in (1, 2, 3)}
    with pytest.raises(UserError):
        imported_from(tmp_path / "a.pth", tensors)


def test_a_wrong_format_is_refused(tmp_path, foreign):
    with pytest.raises(UserError, match="of format torchvision, not akamaster"):
        imported_from(tmp_path / "a.pth", foreign("resnet18").state_dict(), format=Format.AKAMASTER)


def test_the_public_cifar_file_reads_like_a_trial_afterwards(tmp_path, public_resnet20):
    imported = import_checkpoint(public_resnet20)
    assert imported.run == RunSpec()
    assert imported.coverage.tensors == 97
    assert imported.coverage.parameters == 269_722
    digest = write(imported, tmp_path / "out")
    checkpoint = load_model(tmp_path / "out")
    assert checkpoint.sha256 == digest
    assert checkpoint.provenance == imported.provenance
    assert checkpoint.provenance.origin.file == public_resnet20.name
    assert checkpoint.provenance.origin.sha256.startswith("12fca82f")
    assert read_trial(tmp_path / "out").spec == RunSpec()
    assert json.loads((tmp_path / "out" / "coverage.json").read_text())["complete"]
    assert (tmp_path / "out" / "model.safetensors.sha256").exists()
    again = import_checkpoint(tmp_path / "out")
    assert again.provenance == imported.provenance
    assert write(again, tmp_path / "out") == digest


def test_a_thousand_classes_survive_on_disk(tmp_path, foreign):
    imported = imported_from(tmp_path / "a.pth", foreign("resnet18").state_dict())
    write(imported, tmp_path / "out")
    assert load_model(tmp_path / "out").model.fc.out_features == 1000


def test_a_network_that_was_trained_here_is_not_overwritten(tmp_path, foreign):
    imported = imported_from(tmp_path / "a.pth", foreign("resnet18", num_classes=10).state_dict())
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "model.safetensors").write_text("trained")
    with pytest.raises(UserError, match="another folder"):
        write(imported, tmp_path / "trial")
    assert (tmp_path / "trial" / "model.safetensors").read_text() == "trained"
    with pytest.raises(UserError, match="cannot write"):
        write(imported, tmp_path / "a.pth" / "below")


def test_the_normalisation_can_be_chosen(tmp_path, foreign):
    tensors = foreign("resnet18", num_classes=10).state_dict()
    assert imported_from(tmp_path / "a.pth", tensors, normalise=Normalise.DATA).provenance.normalisation is None
    save_file(tensors, tmp_path / "a.safetensors", metadata={"normalisation": '{"mean": [0.5], "std": [0]}'})
    with pytest.raises(UserError, match="--normalise"):
        import_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("images", "expected"),
    [(500, None), pytest.param(10_000, 827, marks=pytest.mark.slow)],
    ids=["a part", "all of its images"],
)
def test_published_accuracy_of_resnet20(tmp_path, public_resnet20, cifar10_dir, images, expected):
    """91.73 % on the 10,000 test images with the file's normalisation: 827 wrong (830 with the data's own)."""
    write(import_checkpoint(public_resnet20), tmp_path)
    checkpoint = load_model(tmp_path)
    data = load(DataSpec(), cifar10_dir)
    prepared = checkpoint.prepare(data)
    assert prepared.mean.tolist() == pytest.approx(IMAGENET.mean)
    assert prepared.test is data.test
    model = checkpoint.model.to(memory_format=torch.channels_last)
    pixels, labels = data.test.pixels[:images], data.test.labels[:images]
    chunks = zip(pixels.split(100), labels.split(100), strict=True)
    wrong = sum(evaluate(model, Images(*chunk), prepared, torch.float32).wrong for chunk in chunks)
    if expected is None:  # all of them are counted by the evaluation's test
        assert 25 < wrong < 60
    else:
        assert abs(wrong - expected) <= 1  # another processor may round another way


def test_resnet56_is_read_whole(public_resnet56):
    imported = import_checkpoint(public_resnet56)
    assert imported.spec.depth == 56
    assert imported.coverage.complete
    assert imported.coverage.parameters == 853_018


def test_our_own_checkpoint_is_read_once_and_hashed_once(tmp_path, monkeypatch):
    spec = replace(RunSpec(), {"model.depth": 8, "data.name": "digits"})
    digest = save_model(tmp_path, spec, build_network(spec.model, channels=1, classes=10))
    path = tmp_path / "model.safetensors"
    size, reads, hashes = path.stat().st_size, [], []
    read_bytes, sha256 = Path.read_bytes, hashlib.sha256
    monkeypatch.setattr(Path, "read_bytes", lambda self: reads.append(self) or read_bytes(self))
    monkeypatch.setattr(hashlib, "sha256", lambda data=b"", **_: hashes.append(len(data)) or sha256(data))
    imported = import_checkpoint(tmp_path)
    assert [each for each in reads if each == path] == [path]
    assert [each for each in hashes if each >= size] == [size]
    assert not hasattr(resnet_lab.checkpoint, "safe_open")  # which would read it again and is not counted here
    assert not hasattr(resnet_lab.interchange.files, "safe_open")
    assert imported.run == spec
    assert imported.provenance.origin.sha256 == digest
    assert imported.coverage.complete


def test_our_own_checkpoint_with_other_tensors_or_metadata_is_refused_as_by_load_model(tmp_path):
    spec = replace(RunSpec(), {"model.depth": 14, "data.name": "digits"})
    smaller = replace(spec, {"model.depth": 8})
    save_model(tmp_path, spec, build_network(smaller.model, channels=1, classes=10))
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, foreign, metadata={"spec": "{"})
    for path, words in ((tmp_path, "holds other tensors than its spec builds"), (foreign, "not a checkpoint of this")):
        messages = []
        for read in (import_checkpoint, load_model):
            with pytest.raises(UserError, match=words) as error:
                read(path)
            messages.append(str(error.value))
        assert messages[0] == messages[1]
