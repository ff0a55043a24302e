"""Networks by name: parameters, depth, images and source of each, for `python -m resnet_lab.networks`."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from resnet_lab.data.catalog import CATALOG
from resnet_lab.listings.output import JsonOption, Row, print_json, print_table
from resnet_lab.networks.sizes import ONLY
from resnet_lab.spec import DatasetName, ModelName, ModelSpec, RunSpec, Stem
from resnet_lab.spec.families import DENSENET_LAYERS, FOR_IMAGENET, VGG_CONFIGURATIONS, VGGS
from resnet_lab.spec.fields import replace
from resnet_lab.spec.presets import PRESETS
from resnet_lab.system.command import parse, reporting

FAMILIES = VGGS | {
    *(ModelName.CIFAR_RESNET, ModelName.WIDE_RESNET, ModelName.IMAGENET_RESNET),
    *(ModelName.DENSENET_BC, ModelName.IMAGENET_DENSENET),
}
"""Names that need a depth of their own: presets stand for them."""
IMAGENET_CLASSES = 1000
_HE2015, _HE2016, _HU = "arXiv 1512.03385", "arXiv 1603.05027", "arXiv 1709.01507"
_ZAGORUYKO, _HUANG, _SIMONYAN = "arXiv 1605.07146", "arXiv 1608.06993", "arXiv 1409.1556"
SOURCES: Mapping[str, str] = MappingProxyType(
    {
        **{f"resnet{depth}": f"{_HE2015}, section 4.2" for depth in (20, 32, 44, 56, 110, 1202)},
        **{f"resnet{depth}": f"{_HE2016}, table 4, original unit" for depth in (164, 1001)},
        **{f"preact_resnet{depth}": f"{_HE2016}, table 4" for depth in (164, 1001)},
        "preact_resnet110": f"{_HE2016}, table 2",
        **{f"resnet{depth}": f"{_HE2015}, table 1" for depth in (18, 34, 50, 101, 152)},
        "se_resnet50": f"{_HU}, table 1",
        "se_resnet110": f"{_HU}, table 4",
        "wrn_28_10": f"{_ZAGORUYKO}, table 4",
        "wrn_40_2": f"{_ZAGORUYKO}, table 4",
        "densenet_bc_100_12": f"{_HUANG}, table 2",
        "densenet_bc_190_40": f"{_HUANG}, table 2",
        "resnet50v2": f"{_HE2016}, Keras's",
        "densenet121": f"{_HUANG}, table 1",
        **{f"densenet{depth}": f"{_HUANG}, table 1" for depth in DENSENET_LAYERS},
        **{
            f"imagenet_vgg{depth}{norm}": f"{_SIMONYAN}, table 1, {configuration}"
            for norm in ("", "_bn")
            for depth, configuration in VGG_CONFIGURATIONS.items()
        },
        "vgg15_bn": f"{_SIMONYAN}, D, a linear layer fewer",
        "vgg16_bn": f"{_SIMONYAN}, D, narrow head",
        "mnist_cnn": "plain net to compare with",
        "mnist_cnn_deep": "plain net to compare with",
        "mnist_resnet": f"blocks of {_HE2015}",
    }
)
"""Where each network is published, or what it is."""


def main(argv: Sequence[str] | None = None) -> None:
    """List the networks. Exits with 2 for a mistake of the user's."""
    with reporting():
        description = "The networks by name, for --model.name: parameters, depth and source."
        options = parse(JsonOption, prog="python -m resnet_lab.networks", description=description, argv=argv)
        rows = networks()
        if options.json:
            print_json(rows)
        else:
            columns = ("name", "parameters", "depth", "images", "source")
            listed = [{name: row[name] for name in columns} for row in rows]
            print_table(listed, numbers=("parameters", "depth"), wrapped=("source",))


def names() -> list[str]:
    """Return every name that `model.name` takes and that needs no further field."""
    return [*PRESETS, *(name.value for name in ModelName if name.value not in FAMILIES)]


def networks() -> list[Row]:
    """Return a row for each network: name, fields, parameters, depth in its paper's count, images, source."""
    return [_row(name) for name in names()]


def _row(name: str) -> Row:
    import torch

    from resnet_lab.inspect.depth import depth
    from resnet_lab.networks.build import build_network, count_parameters

    spec = replace(RunSpec(), {"model.name": name}).model
    images, channels, classes = made_for(spec)
    with torch.device("meta"):  # shapes without memory
        network = build_network(spec, channels=channels, classes=classes)
    return {
        "name": name,
        "family": spec.name.value,
        "fields": dict(PRESETS.get(name, {"model.name": name})),
        "parameters": count_parameters(network),
        "depth": depth(network, spec.name),
        "images": images,
        "classes": classes,
        "source": SOURCES[name],
    }


def made_for(spec: ModelSpec) -> tuple[str, int, int]:
    """Return name, channels and classes of the images that a network is published for."""
    if spec.stem == Stem.IMAGENET or spec.name in FOR_IMAGENET:
        return "imagenet", 3, IMAGENET_CLASSES
    name = DatasetName.MNIST if spec.name in ONLY else DatasetName.CIFAR10
    return name.value, CATALOG[name].channels, CATALOG[name].classes
