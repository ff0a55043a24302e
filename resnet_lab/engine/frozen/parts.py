"""Frozen parts: which parameters a recipe trains, and modules that stay as at test while the rest trains."""

from collections.abc import Sequence
from typing import assert_never

from torch import nn

from resnet_lab.errors import RefusedError
from resnet_lab.networks.heads import head_of
from resnet_lab.networks.resnet import ResNet
from resnet_lab.spec import RunSpec, Trained

_NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)


def freeze(model: nn.Module, spec: RunSpec) -> list[nn.Module]:
    """Let only the recipe's part of a network have gradients; return the modules that stay in eval mode.

    A norm that is not trained keeps its running statistics. Raises RefusedError where the network has no such part.
    """
    if spec.recipe.trained == Trained.ALL:
        return []
    trained = _trained(model, spec)
    free = {id(parameter) for module in trained for parameter in module.parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in free)
    inside = {id(module) for part in trained for module in part.modules()}
    return [module for module in model.modules() if id(module) not in inside and not list(module.children())]


def _trained(model: nn.Module, spec: RunSpec) -> list[nn.Module]:
    _, head = head_of(model, spec.model.head)
    match spec.recipe.trained:
        case Trained.HEAD:
            return [head]
        case Trained.HEAD_NORMS:
            return [head, *(module for module in model.modules() if isinstance(module, _NORMS))]
        case Trained.LAST_STAGE:
            return [head, *_last_stage(model, spec)]
        case Trained.ALL:
            return [model]
    assert_never(spec.recipe.trained)


def _last_stage(model: nn.Module, spec: RunSpec) -> Sequence[nn.Module]:
    """Return the last stage of blocks, and what lies between it and the pooling."""
    if isinstance(model, ResNet):
        return [model.stages[-1], model.head]
    parts = dict(model.named_children())
    if {"stages", "head"} <= parts.keys():  # densenet_bc
        return [list(parts["stages"].children())[-1], parts["head"]]
    features = dict(parts["features"].named_children()) if "features" in parts else {}
    if "denseblock4" in features:
        return [features["denseblock4"], features["norm5"]]
    raise RefusedError(f"{spec.model.name} has no stages: set recipe.trained to all, head or head_norms")
