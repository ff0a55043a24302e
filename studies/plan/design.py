"""Designs: which combinations of {field: levels} a study runs.

The first level of a factor is the baseline, the last is the factor switched on. Sources: Montgomery, Design and
Analysis of Experiments, chapters 6 and 8; Plackett and Burman 1946.
"""

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import factorial
from typing import TYPE_CHECKING

from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value

if TYPE_CHECKING:
    import optuna

Cell = Mapping[str, Value]
Levels = Mapping[str, tuple[Value, ...]]


class Design(StrEnum):
    FULL = "full"
    ONE_FACTOR = "one_factor"
    LEAVE_ONE_OUT = "leave_one_out"
    ADD_ONE_IN = "add_one_in"
    LADDER = "ladder"
    FRACTIONAL = "fractional"
    PLACKETT_BURMAN = "plackett_burman"
    RANDOM = "random"
    SOBOL = "sobol"
    LISTED = "listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Designed:
    """The arms of a design in their order, the one the others are compared with, and confounded effects."""

    cells: tuple[Cell, ...]
    baseline: Cell
    aliases: tuple[str, ...] = ()


def make_design(
    kind: Design,
    levels: Levels,
    *,
    size: int = 16,
    resolution: int = 3,
    orders: int = 1,
    listed: Sequence[Cell] = (),
) -> Designed:
    """Return the arms of a design. `size` is the number of random or Sobol cells, `resolution` that of a fraction,
    `orders` the number of orders in which a ladder is climbed, `listed` the arms of a study that lists them.

    Raises UserError where the levels do not fit the design.
    """
    if not levels:
        raise UserError("a design needs at least one factor: declare the arms of the study")
    base, top = _at(levels, 0), _at(levels, -1)
    match kind:
        case Design.FULL:
            return _designed(_grid(levels), base)
        case Design.ONE_FACTOR:
            return _designed([base, *(base | {n: v} for n, vs in levels.items() for v in vs[1:])], base)
        case Design.ADD_ONE_IN:
            return _designed([base, *(base | {name: top[name]} for name in levels)], base)
        case Design.LEAVE_ONE_OUT:
            return _designed([top, *(top | {name: base[name]} for name in levels)], top)
        case Design.LADDER:
            return _designed([cell for order in _orders(levels, orders) for cell in _ladder(levels, order)], base)
        case Design.FRACTIONAL | Design.PLACKETT_BURMAN:
            return _screening(kind, levels, resolution)
        case Design.RANDOM | Design.SOBOL:
            return _designed([base, *sample(kind == Design.SOBOL, levels, size)], base)
        case Design.LISTED:
            return _listed(levels, listed)


def _designed(cells: Sequence[Cell], baseline: Cell) -> Designed:
    unique = {tuple(cell.items()): cell for cell in cells}
    return Designed(cells=tuple(unique.values()), baseline=baseline)


def _at(levels: Levels, index: int) -> dict[str, Value]:
    return {name: values[index] for name, values in levels.items()}


def _grid(levels: Levels) -> list[Cell]:
    return [dict(zip(levels, values, strict=True)) for values in itertools.product(*levels.values())]


def _ladder(levels: Levels, order: Sequence[str]) -> list[Cell]:
    """Baseline, then one factor after the other switched on for good; a factor of several levels climbs them all."""
    cell: dict[str, Value] = _at(levels, 0)
    rungs: list[Cell] = [dict(cell)]
    for name in order:
        for value in levels[name][1:]:
            cell[name] = value
            rungs.append(dict(cell))
    return rungs


def _orders(levels: Levels, count: int) -> list[tuple[str, ...]]:
    possible = factorial(len(levels))
    if not 1 <= count <= possible:
        raise UserError(f"{len(levels)} factors have {possible} orders: ask for 1 to {possible}")
    return list(itertools.islice(itertools.permutations(levels), count))


def _listed(levels: Levels, cells: Sequence[Cell]) -> Designed:
    """The listed cells of these levels; the baseline is the one of the earliest levels."""
    if not cells:
        raise UserError("this study lists no arms of its own: give another --design than listed")
    kept = [cell for cell in cells if all(cell[name] in values for name, values in levels.items())]
    asked = {name: values for name, values in levels.items() if values != levels_of(cells)[name]}
    for name, values in asked.items():
        if lost := [value for value in values if value not in [cell[name] for cell in kept]]:
            raise UserError(f"no listed arm has {name}={lost[0]} and the other levels asked for: give --design full")
    return _designed(kept, min(kept, key=lambda cell: [values.index(cell[name]) for name, values in levels.items()]))


def levels_of(cells: Sequence[Cell]) -> Levels:
    """Return the levels of each field of listed cells, in the order of their first."""
    return {name: tuple(dict.fromkeys(cell[name] for cell in cells)) for name in cells[0]}


def _screening(kind: Design, levels: Levels, resolution: int) -> Designed:
    from studies.plan.fractional import alias_lines, matrix

    for name, values in levels.items():
        if len(values) != 2:
            raise UserError(f"{kind} needs two levels a factor, {name} has {len(values)}: set two")
    signs = matrix(kind == Design.PLACKETT_BURMAN, len(levels), resolution)
    cells = [{n: levels[n][int(s > 0)] for n, s in zip(levels, row, strict=True)} for row in signs]
    short = [name.rpartition(".")[2] for name in levels]
    names = short if len(set(short)) == len(short) else list(levels)
    return Designed(cells=tuple(cells), baseline=_at(levels, 0), aliases=tuple(alias_lines(signs, names)))


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
