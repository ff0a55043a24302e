"""Optimisers by name."""

from collections.abc import Iterable
from typing import Any, assert_never

import torch
from torch import Tensor, nn

from resnet_lab.engine.caffe_sgd import CaffeSGD
from resnet_lab.engine.muon import Muon
from resnet_lab.spec import MomentumKind, Optimizer, RecipeSpec


def make_optimizer(
    recipe: RecipeSpec, parameters: Iterable[nn.Parameter], rate: Tensor | None = None
) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over the parameters; its rate is set before each step by `lr_at`.

    With `rate` [] the optimiser reads the rate from there at every step, and on a GPU its steps can be captured.
    Raises UserError for muon where torch has none.
    """
    params = list(parameters)
    lr, momentum, decay = recipe.lr if rate is None else rate, recipe.momentum, recipe.weight_decay
    # Asked for on a GPU alone: on a CPU torch refuses it. torch's fused SGD has no such flag and needs none.
    capturable = rate is not None and rate.is_cuda
    # Adam's beta 2 and every epsilon stay at torch's defaults, which are those of the papers.
    match recipe.optimizer:
        case Optimizer.SGD | Optimizer.NESTEROV:
            nesterov = recipe.optimizer == Optimizer.NESTEROV
            if recipe.momentum_kind == MomentumKind.CAFFE:
                return CaffeSGD(params, lr, momentum=momentum, weight_decay=decay, nesterov=nesterov)
            return torch.optim.SGD(params, lr, momentum=momentum, weight_decay=decay, nesterov=nesterov, fused=True)
        case Optimizer.ADAM:
            return torch.optim.Adam(
                params, lr, betas=(momentum, 0.999), weight_decay=decay, fused=True, capturable=capturable
            )
        case Optimizer.ADAMW:
            return torch.optim.AdamW(
                params, lr, betas=(momentum, 0.999), weight_decay=decay, fused=True, capturable=capturable
            )
        case Optimizer.RMSPROP:
            return torch.optim.RMSprop(
                params, lr, momentum=momentum, weight_decay=decay, foreach=True, capturable=capturable
            )
        case Optimizer.ADAGRAD:
            return torch.optim.Adagrad(params, lr, weight_decay=decay, foreach=True)
        case Optimizer.ADADELTA:
            return torch.optim.Adadelta(params, lr, weight_decay=decay, foreach=True, capturable=capturable)
        case Optimizer.MUON:
            return Muon(params, lr=recipe.lr, momentum=momentum, weight_decay=decay)
    assert_never(recipe.optimizer)


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load a `state_dict()`, keeping this optimiser's own settings: the state may come from another device."""
    if isinstance(optimizer, Muon):  # two optimisers in one, with the same settings everywhere
        optimizer.load_state_dict(state)
        return
    own = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    groups = [{**theirs, **mine} for theirs, mine in zip(state["param_groups"], own, strict=True)]
    optimizer.load_state_dict({**state, "param_groups": groups})
    for group, mine in zip(optimizer.param_groups, own, strict=True):
        group.update(mine)  # the very tensor of the rate, where torch made a copy of it
