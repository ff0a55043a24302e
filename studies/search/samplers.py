"""Samplers and pruners of a search, by name."""

import zlib
from typing import TYPE_CHECKING

from studies.plan.options import Algorithm, Pruner

if TYPE_CHECKING:
    import optuna


def make_sampler(algorithm: Algorithm, name: str, number: int, budget: int) -> "optuna.samplers.BaseSampler":
    """Return a sampler for proposal `number` of the search `name`: the same proposal whenever the search is resumed.

    TPE (Bergstra et al. 2011) begins with a third of the budget at random, at least 3 and at most 10, and counts
    running trials as bad, so that workers spread.
    """
    import optuna

    seed = zlib.crc32(f"{name} {number}".encode())
    if algorithm == Algorithm.RANDOM:
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(10, max(3, budget // 3)), constant_liar=True)


def make_pruner(pruner: Pruner, budget: int, epochs: int) -> "optuna.pruners.BasePruner":
    """Return the pruner. The median begins after a quarter of the epochs, once a quarter of the budget has ended."""
    import optuna

    match pruner:
        case Pruner.MEDIAN:
            return optuna.pruners.MedianPruner(
                n_startup_trials=max(2, budget // 4), n_warmup_steps=max(1, epochs // 4) + 1
            )
        case Pruner.HYPERBAND:
            return optuna.pruners.HyperbandPruner(min_resource=max(1, epochs // 9), max_resource=epochs)
        case Pruner.NONE:
            return optuna.pruners.NopPruner()
