"""Relatives of the networks that are read here: by what their files differ, in the words of those files.

A file of a ResNeXt, a wide or a deep-stem ResNet fills a part of a plain one; what it lacks is not a better file, but a
network that this project does not have.
"""

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

from resnet_lab.interchange.infer import dense_layers
from resnet_lab.interchange.names import is_densenet
from resnet_lab.spec.families import DENSENET_LAYERS

Tensors = Mapping[str, Tensor]
DENSENET121 = (6, 12, 24, 16)
GROWTH, GROWTH_161 = 32, 48
_IN_BLOCK = re.compile(r"layer\d+\.\d+\.(.+)")
_KNOWN_PARTS = re.compile(r"(?:conv|bn)\d\.\w+|(?:downsample|shortcut)\.[0-3]\.\w+|se\.fc[12]\.\w+")


def differences(tensors: Tensors) -> list[str]:
    """Return what sets a network apart from those read here, from a file's tensors by their bare names; often nothing.

    Each is a phrase such as `grouped convolutions (32 groups)`.
    """
    found = (_preactivated, _stem, _groups, _width, _average_down, _dense, _other_parts)
    return [phrase for look in found for phrase in look(tensors)]


def _preactivated(tensors: Tensors) -> Iterator[str]:
    """timm's ResNetV2, and networks of its families with `stages.N.blocks`."""
    first = next((name for name in tensors if re.match(r"stages\.\d+\.blocks\.", name)), None)
    if first is None:
        return
    if _shape(tensors, "stages.0.blocks.0.norm1.weight") and _shape(tensors, "stages.0.blocks.0.conv1.weight"):
        yield f"pre-activation blocks of timm's ResNetV2 ({first})"
    else:
        yield f"blocks of another family of timm's ({first})"


def _stem(tensors: Tensors) -> Iterator[str]:
    if _shape(tensors, "conv1.0.weight"):
        yield "a deep stem (conv1.0)"


def _groups(tensors: Tensors) -> Iterator[str]:
    """The second convolution of a bottleneck reads what the first gives; with groups, each output reads a part."""
    first, second = (_shape(tensors, f"layer1.0.conv{index}.weight") for index in (1, 2))
    if len(first) == len(second) == 4 and 0 < second[1] < first[0]:
        yield f"grouped convolutions ({first[0] // second[1]} groups)"


def _width(tensors: Tensors) -> Iterator[str]:
    first, last = (_shape(tensors, f"layer1.0.conv{index}.weight") for index in (1, 3))
    if len(first) == len(last) == 4 and last[0] != 4 * first[0]:
        yield f"a width of {first[0]} in the bottleneck, where its {last[0]} outputs go with {last[0] // 4}"


def _average_down(tensors: Tensors) -> Iterator[str]:
    """Average pooling has no tensors, but it moves the convolution behind it from place 0 to place 1."""
    for name, tensor in tensors.items():
        if re.fullmatch(r"layer\d+\.\d+\.downsample\.1\.weight", name) and tensor.dim() == 4:
            yield f"an avg_down shortcut ({name.removesuffix('.weight')} is a convolution, average pooling before it)"
            return


def _dense(tensors: Tensors) -> Iterator[str]:
    if not is_densenet(tensors):
        return
    counts = dense_layers(tensors)
    known = {DENSENET121, *DENSENET_LAYERS.values()}
    if counts and counts not in known:
        yield f"dense blocks of {_dashed(counts)} layers, where DenseNet-121 has {_dashed(DENSENET121)}"
    wanted = GROWTH_161 if counts == DENSENET_LAYERS[161] else GROWTH
    growth = _shape(tensors, "features.denseblock1.denselayer1.conv2.weight")
    if growth and growth[0] != wanted:
        yield f"a growth of {growth[0]} channels, where torchvision's network of these blocks has {wanted}"


def _other_parts(tensors: Tensors) -> Iterator[str]:
    """Attention and other parts that torchvision's blocks do not have."""
    for name in tensors:
        part = _IN_BLOCK.fullmatch(name)
        if part and not _KNOWN_PARTS.fullmatch(part[1]):
            yield f"a part in its blocks that is not known here ({name[:80].encode('unicode_escape').decode()})"
            return


def _shape(tensors: Tensors, name: str) -> tuple[int, ...]:
    return tuple(tensors[name].shape) if name in tensors else ()


def _dashed(counts: tuple[int, ...]) -> str:
    return "-".join(map(str, counts))
