"""Analysis of variance of a factorial of arms, with the seed as block (Montgomery, chapter 5.6).

The model of one context is y = mean + seed + every main effect and interaction of the arm's factors + error. Only
seeds that are complete in every cell enter, so that the design is balanced and the order of the terms does not matter.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from analysis.results.trials import TrialRow, group, is_diverged, outcomes_by_repeat
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.spec.choices import Value

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One line of the table: a main effect (one factor) or an interaction (several)."""

    factors: tuple[str, ...]
    """Dotted names."""
    sum_of_squares: float
    df: int
    f: float
    p: float
    """Uncorrected; nan, as `f`, where the residuals have no spread."""
    partial_eta_squared: float
    """The effect's sum of squares over the sum of it and the error's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anova:
    """The table of one context."""

    context: Mapping[str, Value]
    effects: tuple[Effect, ...]
    seeds: int
    left_out: int
    """Seeds with a result in some cell and not in all."""
    block_sum_of_squares: float
    error_sum_of_squares: float
    error_df: int


def factors_of(trials: Sequence[TrialRow], arm: Sequence[str]) -> list[str]:
    """Return the factors of the arm that take two values or more."""
    return [name for name in arm if len({trial[name] for trial in trials}) > 1]


def anova(
    trials: Sequence[TrialRow], *, arm: Sequence[str], context: Sequence[str], metric: str = TEST_ERROR
) -> list[Anova]:
    """Return a table for each context in which two factors or more are fully crossed over two seeds or more.

    A context in which a seed diverged has none: over the others the table would flatter what fails.
    """
    tables = []
    for setting, here in group(trials, context).items():
        if any(map(is_diverged, here)):
            continue
        names = factors_of(here, arm)
        cells = {key: outcomes_by_repeat(part, metric) for key, part in group(here, names).items()}
        levels = [list(dict.fromkeys(key[i] for key in cells)) for i in range(len(names))]
        crossed = len(cells) == math.prod(map(len, levels))
        if len(names) > 1 and crossed:
            seeds = sorted(set.intersection(*(set(cell) for cell in cells.values())))
            any_cell = set().union(*cells.values())
            if len(seeds) > 1:
                place = dict(zip(context, setting, strict=True))
                tables.append(_table(place, names, cells, seeds, len(any_cell) - len(seeds)))
    return tables


def _table(
    context: Mapping[str, Value],
    names: Sequence[str],
    cells: Mapping[tuple[Value, ...], Mapping[int, float]],
    seeds: Sequence[int],
    left_out: int,
) -> Anova:
    import numpy as np

    levels = [list(dict.fromkeys(key[i] for key in cells)) for i in range(len(names))]
    grid = [[cells[key][seed] for seed in seeds] for key in itertools.product(*levels)]
    y = np.array(grid).reshape(*map(len, levels), len(seeds))
    parts = _parts(y, len(names))
    block = y.mean(axis=tuple(range(len(names))), keepdims=True) - y.mean()
    error = _squares(y - sum(parts.values()) - block, y.size)
    df = (len(seeds) - 1) * (y.size // len(seeds) - 1)
    flat = error <= 1e-12 * max(_squares(y, y.size), 1e-300)
    noise = math.nan if flat else error
    effects = []
    for chosen, part in parts.items():
        if chosen:
            own = math.prod(len(levels[i]) - 1 for i in chosen)
            effects.append(_effect([names[i] for i in chosen], _squares(part, y.size), own, noise, df))
    return Anova(
        context=context,
        effects=tuple(effects),
        seeds=len(seeds),
        left_out=left_out,
        block_sum_of_squares=_squares(block, y.size),
        error_sum_of_squares=error,
        error_df=df,
    )


def _parts(y: "Array", factors: int) -> dict[tuple[int, ...], "Array"]:
    """Split y, [levels of each factor, seeds], into the grand mean, the main effects and the interactions.

    In a balanced design each part is the mean over all other axes less the parts of fewer of its factors, and the parts
    are orthogonal (Montgomery, chapter 5.4): the order of terms does not matter.
    """
    parts: dict[tuple[int, ...], Array] = {}
    for size in range(factors + 1):
        for chosen in itertools.combinations(range(factors), size):
            others = tuple(axis for axis in range(y.ndim) if axis not in chosen)
            smaller = [part for known, part in parts.items() if set(known) < set(chosen)]
            parts[chosen] = y.mean(axis=others, keepdims=True) - sum(smaller)
    return parts


def _squares(part: "Array", size: int) -> float:
    """Return the sum of squares of a part over all `size` values of y."""
    return float((part**2).sum()) * size / part.size


def _effect(factors: Sequence[str], squares: float, df: int, error: float, error_df: int) -> Effect:
    """Test an effect against the error's sum of squares; where that is nan, so are the test and the share."""
    from scipy.special import fdtrc  # scipy.stats would add half a second to the import

    f = squares / df / (error / error_df)
    return Effect(
        factors=tuple(factors),
        sum_of_squares=squares,
        df=df,
        f=f,
        p=float(fdtrc(df, error_df, f)),
        partial_eta_squared=squares / (squares + error),
    )
