"""Inference of a file's network from the names and shapes of its tensors alone."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ablations.choices import BlockKind
from resnet_lab.data.catalog import CATALOG
from resnet_lab.errors import UserError
from resnet_lab.interchange.names import is_densenet, is_vgg
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import DatasetName, ModelName, Stem, Value
from resnet_lab.spec.families import DENSENET_LAYERS, EXTRA_LAYERS, IMAGENET_STAGES, LAYERS_PER_UNIT, VGG_CONFIGURATIONS
from resnet_lab.spec.fields import replace

_STEMS = {7: Stem.IMAGENET, 3: Stem.CIFAR}
READS = "ResNets of torchvision, timm and the public CIFAR kind, and torchvision's DenseNets and VGGs, are read"
"""What can be imported, for the refusals."""
_STEM, _WIDTH = "stem.conv1.weight", "stages.0.0.branch.conv1.weight"
_THEIRS = {_STEM: "conv1.weight", "fc.weight": "fc.weight or linear.weight", _WIDTH: "layer1.0.conv1.weight"}
"""Our names in the files of others."""


VGG_LINEAR, VGG_CIFAR_INPUTS = 3, 512
Reader = Callable[[Mapping[str, Tensor]], dict[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """The run that would train this network here, and the network's ends."""

    run: RunSpec
    channels: int
    classes: int


def infer(tensors: Mapping[str, Tensor], count: int | None = None) -> Inferred:
    """Read depth, width, kind, shortcut, attention, stem and ends from a file's tensors under our names.

    The file holds `count` in all, also those without one of our names.

    It looks at a handful of tensors; whether all the others agree is counted by the coverage. Raises UserError where
    they are of no network that can be built here.
    """
    read, needed = _reader(tensors)
    for name in needed:
        if name not in tensors or tensors[name].dim() < 2:
            wanted, of = _THEIRS.get(name, name), len(tensors) if count is None else count
            raise UserError(
                f"no network is recognised, there is no {wanted} of a layer among the {of} tensors: {READS}"
            )
    fields, (first, last, *_) = read(tensors), needed
    channels, classes = tensors[first].shape[1], tensors[last].shape[0]
    if not channels or not classes:
        empty = " or ".join(_THEIRS.get(name, name) for name in (first, last))
        raise UserError(f"no network is recognised, {empty} is empty: {READS}")
    return Inferred(
        run=replace(RunSpec(), fields | {"data.name": _data_name(channels, classes)}),
        channels=channels,
        classes=classes,
    )


def _reader(tensors: Mapping[str, Tensor]) -> tuple[Reader, tuple[str, ...]]:
    """Return what reads a family's fields, and the names that it needs: of the first layer, of the last, and others."""
    if is_densenet(tensors):
        return _densenet, ("features.conv0.weight", "classifier.weight")
    if is_vgg(tensors):
        last = max((name for name in tensors if re.fullmatch(r"classifier\.\d\.weight", name)), default="")
        return _vgg, ("features.0.weight", last, "classifier.0.weight")
    return _resnet, (_STEM, "fc.weight", _WIDTH)


def dense_layers(names: Iterable[str]) -> tuple[int, ...]:
    """Return the number of layers of each dense block of torchvision's DenseNets, from the names of their tensors."""
    found = (re.match(r"features\.denseblock(\d+)\.\w+?(\d+)\.", name) for name in names)
    layers = {match.groups() for match in found if match}
    blocks = sorted({block for block, _ in layers}, key=int)
    return tuple(sum(block == each for block, _ in layers) for each in blocks)


def _densenet(tensors: Mapping[str, Tensor]) -> dict[str, Value]:
    """Return the fields of the DenseNet with these dense blocks; DenseNet-121's where there is none."""
    counts = dense_layers(tensors)
    depth = next((depth for depth, layers in DENSENET_LAYERS.items() if layers == counts), None)
    if depth is None:
        return {"model.name": ModelName.DENSENET121}
    return {"model.name": ModelName.IMAGENET_DENSENET, "model.depth": depth}


def _vgg(tensors: Mapping[str, Tensor]) -> dict[str, Value]:
    """Return the fields of torchvision's VGG, or of one for CIFAR: its head reads one pixel, theirs 49."""
    convolutions = [name for name, tensor in tensors.items() if _is_convolution(name, tensor)]
    norm = any(name.startswith("features.") and name.endswith("running_mean") for name in tensors)
    depth, width = len(convolutions) + VGG_LINEAR, tensors["features.0.weight"].shape[0]
    if tensors["classifier.0.weight"].shape[1] == VGG_CIFAR_INPUTS and norm:
        three = "classifier.6.weight" in tensors
        return {"model.name": ModelName.VGG16_BN if three else ModelName.VGG15_BN}
    if depth not in VGG_CONFIGURATIONS:
        raise UserError(f"no network here is a VGG of {len(convolutions)} convolutions of 3x3: {READS}")
    name = ModelName.IMAGENET_VGG_BN if norm else ModelName.IMAGENET_VGG
    return {"model.name": name, "model.depth": depth, "model.width": width}


def _is_convolution(name: str, tensor: Tensor) -> bool:
    return re.fullmatch(r"features\.\d+\.weight", name) is not None and tuple(tensor.shape[2:]) == (3, 3)


def _resnet(tensors: Mapping[str, Tensor]) -> dict[str, Value]:
    kind = BlockKind.BOTTLENECK if "stages.0.0.branch.conv3.weight" in tensors else BlockKind.BASIC
    counts = _counts(tensors)
    name, depth = _family(counts, kind)
    size = tensors[_STEM].shape[-1]
    if size not in _STEMS:
        raise UserError(f"no network here has a stem of {size}x{size} pixels: {READS}")
    return {
        "model.name": name,
        "model.depth": depth,
        "model.width": tensors[_WIDTH].shape[0],
        "model.stem": _STEMS[size],
        "model.block.kind": kind,
        "model.block.shortcut": _shortcut(tensors, kind),
        "model.block.attention": "se" if any(".se1." in name for name in tensors) else "none",
    }


def _counts(tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Return the number of blocks of each stage."""
    blocks = {tuple(name.split(".")[1:3]) for name in tensors if name.startswith("stages.")}
    stages = sorted({int(stage) for stage, _ in blocks})
    return tuple(sum(int(stage) == one for stage, _ in blocks) for one in stages)


def _family(counts: tuple[int, ...], kind: BlockKind) -> tuple[ModelName, int]:
    if len(counts) == 3 and len(set(counts)) == 1:
        return ModelName.CIFAR_RESNET, LAYERS_PER_UNIT[kind] * counts[0] + EXTRA_LAYERS[ModelName.CIFAR_RESNET]
    for depth, stages in IMAGENET_STAGES[kind].items():
        if stages == counts:
            return ModelName.IMAGENET_RESNET, depth
    raise UserError(f"no network here has stages of {'-'.join(map(str, counts))} {kind} blocks: {READS}")


def _shortcut(tensors: Mapping[str, Tensor], kind: BlockKind) -> str:
    """C projects even where a block keeps its shape, B only where it does not, A nowhere.

    A plain net has the same tensors as A: a file does not distinguish them.
    """
    blocks = {tuple(name.split(".")[1:3]) for name in tensors if ".shortcut." in name}
    keeps = {(stage, block) for stage, block in blocks if block != "0" or (stage == "0" and kind == BlockKind.BASIC)}
    return "C" if keeps else "B" if blocks else "A"


def _data_name(channels: int, classes: int) -> DatasetName:
    """Return a set with such images and classes; CIFAR-10 where there is none, as for ImageNet."""
    for name in (DatasetName.CIFAR10, DatasetName.CIFAR100, DatasetName.MNIST):
        if (CATALOG[name].channels, CATALOG[name].classes) == (channels, classes):
            return name
    return DatasetName.CIFAR10
