"""Presets: networks by their usual names, each a family with its fields set. Imports no torch."""

from collections.abc import Mapping
from types import MappingProxyType

from resnet_lab.spec.choices import Value
from resnet_lab.spec.families import DENSENET_LAYERS, VGG_CONFIGURATIONS

_Fields = Mapping[str, Value]
_RESNET: dict[str, Value] = {
    "model.name": "imagenet_resnet",
    "model.stem": "imagenet",
    "model.width": 64,
    "model.block.shortcut": "B",
}
_BOTTLENECK = _RESNET | {"model.block.kind": "bottleneck"}
_WIDE: dict[str, Value] = {
    "model.name": "wide_resnet",
    "model.block.preactivation": "full",
    "model.block.shortcut": "B",
}

_DEEP: dict[str, Value] = {"model.block.kind": "bottleneck", "model.block.shortcut": "B"}

PRESETS: Mapping[str, _Fields] = MappingProxyType(
    {
        **{f"resnet{depth}": {"model.depth": depth} for depth in (20, 32, 44, 56, 110, 1202)},
        # He et al. 2016 compare at 110, 164 and 1001 layers: the original unit, and the proposed one of the same depth.
        **{f"resnet{depth}": _DEEP | {"model.depth": depth} for depth in (164, 1001)},
        "preact_resnet110": {"model.depth": 110, "model.block.preactivation": "full"},
        **{
            f"preact_resnet{depth}": {
                "model.depth": depth,
                "model.block.kind": "bottleneck",
                "model.block.preactivation": "full",
                "model.block.shortcut": "B",
            }
            for depth in (164, 1001)
        },
        # Table 4 of the SENet paper compares with the pre-activation net (6.37 %).
        "se_resnet110": {"model.depth": 110, "model.block.preactivation": "full", "model.block.attention": "se"},
        "resnet18": _RESNET | {"model.depth": 18},
        "resnet34": _RESNET | {"model.depth": 34},
        "resnet50": _BOTTLENECK | {"model.depth": 50},
        "resnet101": _BOTTLENECK | {"model.depth": 101},
        "resnet152": _BOTTLENECK | {"model.depth": 152},
        "se_resnet50": _BOTTLENECK | {"model.depth": 50, "model.block.attention": "se"},
        **{f"densenet{depth}": {"model.name": "imagenet_densenet", "model.depth": depth} for depth in DENSENET_LAYERS},
        **{
            f"imagenet_vgg{depth}{norm}": {"model.name": f"imagenet_vgg{norm}", "model.depth": depth, "model.width": 64}
            for norm in ("", "_bn")
            for depth in VGG_CONFIGURATIONS
        },
        "wrn_28_10": _WIDE | {"model.depth": 28, "model.width": 160},
        "wrn_40_2": _WIDE | {"model.depth": 40, "model.width": 32},
        "densenet_bc_100_12": {"model.name": "densenet_bc", "model.depth": 100, "model.width": 12},
        "densenet_bc_190_40": {"model.name": "densenet_bc", "model.depth": 190, "model.width": 40},
    }
)
"""A preset's name may stand wherever `model.name` does; fields given with it win over the preset's."""
