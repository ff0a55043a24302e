"""Analysis of variance of a factorial of arms, with the seed as block (Montgomery, chapter 5.6).

The model of one context is y = mean + seed + every main effect and interaction of the arm's factors + error. Only
seeds that are complete in every cell enter, so that the design is balanced and the order of the terms does not matter.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.trials import Trial, group, results_by_seed
from resnet_lab.fields import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One line of the table: a main effect (one factor) or an interaction (several)."""

    factors: tuple[str, ...]
    """Dotted names."""
    sum_of_squares: float
    freedom: int
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
    error_freedom: int


def factors_of(trials: Sequence[Trial], arm: Sequence[str]) -> list[str]:
    """Return the factors of the arm that take two values or more."""
    return [name for name in arm if len({trial[name] for trial in trials}) > 1]


def anova(
    trials: Sequence[Trial], *, arm: Sequence[str], context: Sequence[str], measure: str = "test/error"
) -> list[Anova]:
    """Return a table for each context in which two factors or more are fully crossed over two seeds or more."""
    tables = []
    for setting, here in group(trials, context).items():
        names = factors_of(here, arm)
        cells = {key: results_by_seed(part, measure) for key, part in group(here, names).items()}
        levels = [list(dict.fromkeys(key[i] for key in cells)) for i in range(len(names))]
        crossed = len(cells) == math.prod(map(len, levels))
        if len(names) > 1 and crossed:
            seeds = sorted(set.intersection(*(set(cell) for cell in cells.values())))
            every = set().union(*cells.values())
            if len(seeds) > 1:
                place = dict(zip(context, setting, strict=True))
                tables.append(_table(place, names, cells, seeds, len(every) - len(seeds)))
    return tables


def _table(
    context: Mapping[str, Value],
    names: Sequence[str],
    cells: Mapping[tuple[Value, ...], Mapping[int, float]],
    seeds: Sequence[int],
    left_out: int,
) -> Anova:
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    short = [f"f{i}" for i in range(len(names))]  # a formula of dotted names would be code
    lines = [(*map(str, key), seed, cell[seed]) for key, cell in cells.items() for seed in seeds]
    frame = pd.DataFrame(lines, columns=[*short, "seed", "y"])
    model = ols(f"y ~ C(seed) + {' * '.join(f'C({name})' for name in short)}", frame).fit()
    table = anova_lm(model, typ=1)
    error, freedom = float(table.loc["Residual", "sum_sq"]), int(table.loc["Residual", "df"])
    flat = error <= 1e-12 * max(float((frame["y"] ** 2).sum()), 1e-300)
    effects = []
    for size in range(1, len(names) + 1):
        for chosen in itertools.combinations(range(len(names)), size):
            line = table.loc[":".join(f"C({short[i]})" for i in chosen)]
            effects.append(_effect([names[i] for i in chosen], line, 0.0 if flat else error))
    return Anova(
        context=context,
        effects=tuple(effects),
        seeds=len(seeds),
        left_out=left_out,
        block_sum_of_squares=float(table.loc["C(seed)", "sum_sq"]),
        error_sum_of_squares=error,
        error_freedom=freedom,
    )


def _effect(factors: Sequence[str], line: Mapping[str, float], error: float) -> Effect:
    squares = float(line["sum_sq"])
    return Effect(
        factors=tuple(factors),
        sum_of_squares=squares,
        freedom=int(line["df"]),
        f=float(line["F"]) if error else math.nan,
        p=float(line["PR(>F)"]) if error else math.nan,
        partial_eta_squared=squares / (squares + error) if error else math.nan,
    )
