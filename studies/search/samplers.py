"""Samplers and pruners of a search, by name."""

import zlib
from typing import TYPE_CHECKING

from studies.plan.options import Algorithm, Pruner

if TYPE_CHECKING:
    import optuna

HALVING = 3
"""One of how many trials goes on at a rung of successive halving."""


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
    """Return the pruner. The median begins after a quarter of the epochs, once a quarter of the budget has ended.

    asha is asynchronous successive halving (Li et al. 2020, MLSys): at epochs r, 3r, 9r, ..., r a ninth of the length,
    a trial goes on if it is among the best third of those that have come so far. Hyperband (Li et al. 2018, JMLR 18)
    deals the trials to several such halvings, some of which begin late.
    """
    import optuna

    shortest = max(1, epochs // HALVING**2)

    match pruner:
        case Pruner.MEDIAN:
            return optuna.pruners.MedianPruner(
                n_startup_trials=max(2, budget // 4), n_warmup_steps=max(1, epochs // 4) + 1
            )
        case Pruner.HYPERBAND:
            return optuna.pruners.HyperbandPruner(min_resource=shortest, max_resource=epochs, reduction_factor=HALVING)
        case Pruner.ASHA:
            return optuna.pruners.SuccessiveHalvingPruner(min_resource=shortest, reduction_factor=HALVING)
        case Pruner.NONE:
            return optuna.pruners.NopPruner()
