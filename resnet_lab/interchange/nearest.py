"""Nearest network to a file that is of none known here, for the report of how much of it the file would fill."""

from collections.abc import Mapping, Sequence
from functools import cache

import torch
from torch import Tensor, nn

from resnet_lab.interchange.coverage import Coverage, compare
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelName, RunSpec
from resnet_lab.spec.fields import replace

CANDIDATES = (
    *(f"resnet{depth}" for depth in (20, 32, 44, 56, 110)),
    *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
    *("se_resnet50", "densenet121", "densenet161", "densenet169", "densenet201"),
    *(f"imagenet_vgg{depth}{norm}" for norm in ("", "_bn") for depth in (11, 13, 16, 19)),
)
"""Networks by name that files are compared with."""


def nearest(given: Mapping[str, Tensor], unexpected: Sequence[str]) -> tuple[str | None, Coverage]:
    """Return the network of which tensors under our names fill most scalars, and how much; of equal ones the smallest.

    `unexpected` are the file's names without one of ours. None where not one tensor fits a network known here.
    """
    found = {name: _coverage(name, given, unexpected) for name in CANDIDATES}
    best = max(found, key=lambda name: _rank(found[name]))
    if found[best].matched:
        return best, found[best]
    return None, compare(nn.Identity(), given, unexpected)


def _rank(coverage: Coverage) -> tuple[int, int, int]:
    return coverage.matched_parameters, coverage.matched, -coverage.parameters


def _coverage(name: str, given: Mapping[str, Tensor], unexpected: Sequence[str]) -> Coverage:
    return compare(_shapes(name), given, unexpected)


@cache
def _shapes(name: str) -> nn.Module:
    model = replace(RunSpec(), {"model.name": name}).model
    with torch.device("meta"):
        return build_network(model, channels=3, classes=10 if model.name == ModelName.CIFAR_RESNET else 1000)
