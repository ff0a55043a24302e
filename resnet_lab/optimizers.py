"""Optimisers by name."""

from collections.abc import Iterable
from typing import assert_never

import torch
from torch import nn

from resnet_lab.muon import Muon
from resnet_lab.spec import Optimizer, RecipeSpec


def make_optimizer(recipe: RecipeSpec, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over the parameters; its rate is set before each step by `lr_at`.

    Raises UserError for muon where torch has none.
    """
    params = list(parameters)
    lr, momentum, decay = recipe.lr, recipe.momentum, recipe.weight_decay
    # Adam's beta 2 and every epsilon stay at torch's defaults, which are those of the papers.
    match recipe.optimizer:
        case Optimizer.SGD | Optimizer.NESTEROV:
            nesterov = recipe.optimizer == Optimizer.NESTEROV
            return torch.optim.SGD(params, lr, momentum=momentum, weight_decay=decay, nesterov=nesterov, fused=True)
        case Optimizer.ADAM:
            return torch.optim.Adam(params, lr, betas=(momentum, 0.999), weight_decay=decay, fused=True)
        case Optimizer.ADAMW:
            return torch.optim.AdamW(params, lr, betas=(momentum, 0.999), weight_decay=decay, fused=True)
        case Optimizer.RMSPROP:
            return torch.optim.RMSprop(params, lr, momentum=momentum, weight_decay=decay, foreach=True)
        case Optimizer.ADAGRAD:
            return torch.optim.Adagrad(params, lr, weight_decay=decay, foreach=True)
        case Optimizer.ADADELTA:
            return torch.optim.Adadelta(params, lr, weight_decay=decay, foreach=True)
        case Optimizer.MUON:
            return Muon(params, lr=lr, momentum=momentum, weight_decay=decay)
    assert_never(recipe.optimizer)
