"""Networks that are not read here: the refusal says by what they differ, in the words of their files."""

import pytest
import torch

from resnet_lab.errors import UserError
from resnet_lab.interchange.importing import IncompleteError, import_checkpoint
from resnet_lab.interchange.relatives import differences


def on_meta(name):
    """Return the tensors of a network of torchvision's, shapes only."""
    from torchvision import models

    with torch.device("meta"):
        return getattr(models, name)(num_classes=10).state_dict()


def deep_stem():
    """timm's ResNet-50-D: three convolutions in the stem, average pooling before the shortcut's."""
    tensors = on_meta("resnet50")
    stem = {f"conv1.{index}.weight": torch.empty(32, 3, 3, 3, device="meta") for index in (0, 3, 6)}
    return stem | {
        name.replace("downsample.1", "downsample.2").replace("downsample.0", "downsample.1"): tensor
        for name, tensor in tensors.items()
        if name != "conv1.weight"
    }


def resnet_v2():
    """timm's resnetv2_50, of which no name is one of torchvision's."""
    names = ["stem.conv.weight", "norm.weight", "head.fc.weight"]
    names += [
        f"stages.{stage}.blocks.0.{part}{i}.weight" for stage in range(4) for part in ("conv", "norm") for i in "123"
    ]
    return {name: torch.empty(64, 64, 1, 1, device="meta") for name in names}


def shallow_densenet():
    return {name: each for name, each in on_meta("densenet121").items() if "denseblock4.denselayer16." not in name}


def narrow_densenet():
    from torchvision.models import DenseNet

    with torch.device("meta"):
        return DenseNet(32, (6, 12, 36, 24), 64).state_dict()


def average_down():
    tensors = deep_stem()
    return {name: each for name, each in tensors.items() if not name.startswith("conv1.")} | {
        "conv1.weight": torch.empty(64, 3, 7, 7, device="meta")
    }


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        (lambda: on_meta("resnext50_32x4d"), ["grouped convolutions (32 groups)", "a width of 128 in the bottleneck"]),
        (lambda: on_meta("wide_resnet50_2"), ["a width of 128 in the bottleneck, where its 256 outputs go with 64"]),
        (shallow_densenet, ["dense blocks of 6-12-24-15 layers, where DenseNet-121 has 6-12-24-16"]),
        (narrow_densenet, ["a growth of 32 channels, where torchvision's network of these blocks has 48"]),
        (deep_stem, ["a deep stem (conv1.0)", "an avg_down shortcut (layer1.0.downsample.1 is a convolution"]),
        (average_down, ["an avg_down shortcut"]),
        (resnet_v2, ["pre-activation blocks of timm's ResNetV2 (stages.0.blocks.0.conv1.weight)"]),
        (lambda: on_meta("resnet50") | {"layer1.0.conv2_attn.w": torch.ones(1)}, ["a part in its blocks that is not"]),
    ],
)
def test_what_differs_is_named(tensors, expected):
    found = differences(tensors())
    assert len(found) == len(expected)
    assert all(phrase.startswith(start) for phrase, start in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "resnet152", "densenet121", "densenet161", "mobilenet_v3_small", "vgg11"]
)
def test_networks_that_are_read_and_strangers_have_no_difference_to_name(name):
    assert differences(on_meta(name)) == []


def saved(path, tensors):
    torch.save({name: torch.zeros(tensor.shape) for name, tensor in tensors.items()}, path)
    return path


def test_a_relative_is_refused_with_what_differs_and_its_coverage(tmp_path):
    with pytest.raises(
        IncompleteError, match=r"129 of .* 320 tensors: its network has grouped .* and a width"
    ) as caught:
        import_checkpoint(saved(tmp_path / "a.pth", on_meta("resnext50_32x4d")))
    assert "the file this network was saved to" not in str(caught.value)
    assert caught.value.coverage.matched == 129
    accepted = import_checkpoint(tmp_path / "a.pth", allow_partial=True)
    assert accepted.coverage.matched == 129


@pytest.mark.parametrize(("tensors", "match"), [(deep_stem, "a deep stem .* and an avg_down"), (resnet_v2, "ResNetV2")])
def test_a_network_without_our_names_is_spoken_of_in_its_own(tmp_path, tensors, match):
    with pytest.raises(UserError, match=match) as caught:
        import_checkpoint(saved(tmp_path / "a.pth", tensors()))
    assert "stem.conv1" not in str(caught.value)


def test_a_stranger_is_counted_by_the_tensors_of_its_file(tmp_path):
    strange = {f"encoder.{index}.weight": torch.ones(2, 2) for index in range(5)}
    with pytest.raises(UserError, match=r"no conv1\.weight of a layer among the 5 tensors"):
        import_checkpoint(saved(tmp_path / "a.pth", strange))
