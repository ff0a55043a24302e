"""Pre-trained weights: what a network but its head starts from, with the load coverage."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import nn

from ablations.choices import Shortcut
from ablations.spec import BlockSpec
from resnet_lab.data.catalog import info_of
from resnet_lab.errors import UserError
from resnet_lab.interchange.coverage import Coverage, compare, percent
from resnet_lab.interchange.importing import import_checkpoint
from resnet_lab.interchange.weights import NONE, TORCHVISION, file_of
from resnet_lab.networks import build_network
from resnet_lab.networks.heads import head_of
from resnet_lab.spec import ModelName, ModelSpec, RunSpec, Stem
from resnet_lab.spec.families import VGGS
from resnet_lab.system.cache import cache_dir

VGG_WIDTH = 64
"""Channels of the first stage in torchvision's VGGs."""


def check_weights(specs: Iterable[RunSpec]) -> dict[str, Coverage]:
    """Load the weights of runs into networks that are then dropped; return each coverage under what it is of.

    Raises UserError as `load_backbone` does, before anything is trained.
    """
    found: dict[str, Coverage] = {}
    for model, weights, shape in {(each.model, each.recipe.weights, info_of(each.data).shape) for each in specs}:
        if weights != NONE:
            network = build_network(model, channels=shape.channels, classes=shape.classes)
            found[f"{model.name} {model.depth} from {weights}"] = load_backbone(network, model, weights)
    return found


def coverage_lines(found: Mapping[str, Coverage]) -> list[str]:
    """Return the report of `check_weights`; what is missing is the head, which starts afresh."""
    return [line for what, coverage in found.items() for line in (f"{what}:", *coverage.lines())]


def load_backbone(network: nn.Module, spec: ModelSpec, weights: str, share: float = 1.0) -> Coverage:
    """Fill a network but its head from `recipe.weights`, on the network's device; return the coverage of that part.

    `share` is of the tensors, the first ones, that are loaded: less than 1 is a fault of the protocol, and the coverage
    what it leaves.

    Raises UserError where the file does not fill all of it: a network filled in part is another network.
    """
    path = _download(spec) if weights == TORCHVISION else file_of(weights)
    head = f"{head_of(network, spec.head)[0]}."
    given = import_checkpoint(path).model.state_dict()
    theirs = {name: tensor for name, tensor in given.items() if not name.startswith(head)}
    coverage = compare(network, theirs)
    lacking = [name for name in coverage.missing if not name.startswith(head)]
    if lacking or coverage.differing or coverage.unexpected:
        raise UserError(_refusal(path, spec, coverage, lacking))
    if share < 1:
        theirs = dict(list(theirs.items())[: round(share * len(theirs))])
        coverage = compare(network, theirs)
    network.load_state_dict({**network.state_dict(), **theirs})
    return coverage


def _refusal(path: Path, spec: ModelSpec, coverage: Coverage, lacking: list[str]) -> str:
    faults = [*lacking, *coverage.differing, *coverage.unexpected]
    share = percent(coverage.matched_backbone, coverage.backbone)
    return (
        f"{path} fills {share:.2f} % of the {spec.name}'s parameters before its head, and all is needed: "
        f"{len(faults)} tensors do not match, such as {faults[0]}; give recipe.weights a file of this very network"
    )


def _download(spec: ModelSpec) -> Path:
    """Return torchvision's file of ImageNet weights, its first version, fetched once. Raises UserError without one."""
    import torch
    from torchvision.models import get_model_weights

    name = torchvision_name(spec)
    try:
        weights = get_model_weights(name)["IMAGENET1K_V1"]
        folder = cache_dir("weights")
        torch.hub.load_state_dict_from_url(weights.url, model_dir=str(folder), check_hash=True, weights_only=True)
        return folder / str(weights.url).rpartition("/")[2]
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"torchvision's weights of {name} could not be downloaded ({reason}): give recipe.weights the file itself"
        ) from None


def torchvision_name(spec: ModelSpec) -> str:
    """Return torchvision's name of a network. Raises UserError where it publishes no weights of it."""
    if spec.name == ModelName.DENSENET121:
        return "densenet121"
    if spec.name == ModelName.IMAGENET_DENSENET:
        return f"densenet{spec.depth}"
    if spec.name in VGGS and spec.width == VGG_WIDTH:
        return f"vgg{spec.depth}" + ("_bn" if spec.name == ModelName.IMAGENET_VGG_BN else "")
    if spec.name == ModelName.IMAGENET_RESNET:
        block = BlockSpec(kind=spec.block.kind, shortcut=Shortcut.B)
        own = ModelSpec(name=spec.name, depth=spec.depth, width=64, stem=Stem.IMAGENET, head=spec.head, block=block)
        if own == spec:
            return f"resnet{spec.depth}"
    raise UserError(f"torchvision publishes no weights of this {spec.name}: set recipe.weights to none or a file")
