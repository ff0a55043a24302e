"""Learning-rate schedules: a pure function of the iteration, and the state of the plateau schedule."""

import math
from dataclasses import dataclass
from typing import assert_never

from resnet_lab.spec import ModelName, RecipeSpec, RunSpec, Schedule, Warmup
from resnet_lab.spec.choices import Stepping
from resnet_lab.spec.history import WARMUP_DEPTH

# Smith and Topin 2017 (arXiv 1708.07120), with the numbers of torch's OneCycleLR.
_RISE, _FIRST, _LAST = 0.3, 1 / 25, 1 / 25e4
# torch's ReduceLROnPlateau: what counts as better, and the smallest change of the rate that is made.
_BETTER, _SMALLEST = 1 - 1e-4, 1e-8


def lr_at(spec: RunSpec, iteration: int, rate: float | None = None) -> float:
    """Return the learning rate of step `iteration` (from 0): the warm-up, then the schedule.

    `rate` is what the plateau schedule has come to (`Plateau.rate`); other schedules do not read it. A schedule that a
    faulty protocol never steps stays where it begins.
    """
    recipe = spec.recipe
    kind = warmup_of(spec)
    if kind != Warmup.NONE and iteration < recipe.warmup_iterations:
        if kind == Warmup.CONSTANT:
            return recipe.warmup_lr
        return recipe.warmup_lr + (recipe.lr - recipe.warmup_lr) * iteration / recipe.warmup_iterations
    if spec.protocol.schedule == Stepping.NEVER_STEPPED:
        return recipe.lr * _factor(recipe, 0)
    if recipe.schedule == Schedule.PLATEAU and rate is not None:
        return rate
    return recipe.lr * _factor(recipe, iteration)


def warmup_of(spec: RunSpec) -> Warmup:
    """Return the warm-up in force: `auto` is constant in CIFAR ResNets from depth 110 on (He et al. 2015, section 4.2).

    The papers of the other families (DenseNet-BC-190, ImageNet's ResNet-152) have none.
    """
    if spec.recipe.warmup != Warmup.AUTO:
        return spec.recipe.warmup
    warms_up = spec.model.name == ModelName.CIFAR_RESNET and spec.model.depth >= WARMUP_DEPTH
    return Warmup.CONSTANT if warms_up else Warmup.NONE


def _factor(recipe: RecipeSpec, iteration: int) -> float:
    share = iteration / recipe.iterations
    match recipe.schedule:
        case Schedule.STEP:
            milestones = (recipe.milestone_1, recipe.milestone_2, recipe.milestone_3)
            return recipe.lr_decay ** sum(share >= milestone for milestone in milestones)
        case Schedule.COSINE:
            return _anneal(1, 0, share)
        case Schedule.CONSTANT | Schedule.PLATEAU:
            return 1.0
        case Schedule.ONE_CYCLE:
            return _one_cycle(iteration, recipe.iterations)
    assert_never(recipe.schedule)


def _one_cycle(iteration: int, iterations: int) -> float:
    """Rise from 1/25 to 1 over the first 30 % of the iterations, then fall to 1/250,000, each along a cosine."""
    top, end = _RISE * iterations - 1, iterations - 1
    if iteration <= top:
        return _anneal(_FIRST, 1, iteration / top if top else 1)
    return _anneal(1, _LAST, (iteration - top) / (end - top))


def _anneal(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """State of schedule=plateau after an epoch; the rules are those of torch's ReduceLROnPlateau."""

    rate: float
    """The learning rate now."""
    best: float = math.inf
    """The lowest validation error yet, in per cent."""
    bad_epochs: int = 0
    """Epochs since that one, or since the last decay."""

    def after(self, error: float, recipe: RecipeSpec) -> "Plateau":
        """Return the state after an epoch of this validation error, in per cent."""
        if error < self.best * _BETTER:
            return Plateau(rate=self.rate, best=error)
        if self.bad_epochs < recipe.plateau_patience:
            return Plateau(rate=self.rate, best=self.best, bad_epochs=self.bad_epochs + 1)
        lower = self.rate * recipe.lr_decay
        return Plateau(rate=lower if self.rate - lower > _SMALLEST else self.rate, best=self.best)
