"""Optimisers by name, and the learning rate as a pure function of the iteration."""

import math
from collections.abc import Iterable
from typing import assert_never

import torch
from torch import nn

from resnet_lab.spec import Optimizer, RecipeSpec, RunSpec, Schedule, Warmup

WARMUP_DEPTH = 110  # He et al. 2015, section 4.2: 0.1 is slightly too large for the 110-layer net to start with


def make_optimizer(recipe: RecipeSpec, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over the parameters; its rate is set before each step by `lr_at`."""
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
    assert_never(recipe.optimizer)


def lr_at(spec: RunSpec, iteration: int) -> float:
    """Return the learning rate of step `iteration` (from 0): the warm-up, then the schedule."""
    recipe = spec.recipe
    kind = warmup_of(spec)
    if kind != Warmup.NONE and iteration < recipe.warmup_iterations:
        if kind == Warmup.CONSTANT:
            return recipe.warmup_lr
        return recipe.warmup_lr + (recipe.lr - recipe.warmup_lr) * iteration / recipe.warmup_iterations
    return recipe.lr * _factor(recipe, iteration / recipe.iterations)


def warmup_of(spec: RunSpec) -> Warmup:
    """Return the warm-up in force: `auto` is constant from depth 110 on (He et al. 2015, section 4.2)."""
    if spec.recipe.warmup != Warmup.AUTO:
        return spec.recipe.warmup
    return Warmup.CONSTANT if spec.model.depth >= WARMUP_DEPTH else Warmup.NONE


def _factor(recipe: RecipeSpec, share: float) -> float:
    match recipe.schedule:
        case Schedule.STEP:
            return recipe.lr_decay ** ((share >= recipe.milestone_1) + (share >= recipe.milestone_2))
        case Schedule.COSINE:
            return (1 + math.cos(math.pi * share)) / 2
        case Schedule.CONSTANT:
            return 1.0
    assert_never(recipe.schedule)
