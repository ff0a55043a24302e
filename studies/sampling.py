"""Random and Sobol cells over a mixed space, by Optuna's samplers without their adaptivity."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from resnet_lab.fields import Value

if TYPE_CHECKING:
    import optuna


def sample(sobol: bool, levels: Mapping[str, tuple[Value, ...]], size: int, seed: int = 0) -> list[dict[str, Value]]:
    """Return `size` cells, the same for the same arguments; each factor is drawn by its index among the levels."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = _sobol(seed) if sobol else optuna.samplers.RandomSampler(seed=seed)
    study = optuna.create_study(sampler=sampler)
    unit = optuna.distributions.FloatDistribution(0, 1)
    space: dict[str, optuna.distributions.BaseDistribution] = dict.fromkeys(levels, unit)
    cells = []
    for _ in range(size):
        trial = study.ask(space)
        cells.append({name: _level(values, trial.params[name]) for name, values in levels.items()})
        study.tell(trial, 0.0)
    return cells


def _sobol(seed: int) -> "optuna.samplers.BaseSampler":
    import optuna

    with warnings.catch_warnings():  # "experimental" since 2022: the interface used here is the constructor alone
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


def _level(values: tuple[Value, ...], share: float) -> Value:
    return values[min(int(share * len(values)), len(values) - 1)]
