"""Analysis of variance against a textbook and a least-squares fit."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from analysis.comparison.anova import anova

CLUTTER, FILTER, DEPTH = "model.depth", "model.block.norm_position", "model.width"
# Montgomery, Design and Analysis of Experiments, example 5.6: radar targets; blocks are operators.
RADAR = {
    ("low", 1): (90, 96, 100, 92),
    ("low", 2): (86, 84, 92, 81),
    ("medium", 1): (102, 106, 105, 96),
    ("medium", 2): (87, 90, 97, 80),
    ("high", 1): (114, 112, 108, 98),
    ("high", 2): (93, 91, 95, 83),
}


def radar(**more):
    return [
        {CLUTTER: clutter, FILTER: kind, "seed": seed, "status": "complete", "test/error": value} | more
        for (clutter, kind), values in RADAR.items()
        for seed, value in enumerate(values)
    ]


def test_the_textbook_table():
    (table,) = anova(radar(), arm=[CLUTTER, FILTER], context=[])
    found = {e.factors: (e.sum_of_squares, e.df, e.f) for e in table.effects}
    assert found[(CLUTTER,)] == (pytest.approx(335.58, abs=0.01), 2, pytest.approx(15.13, abs=0.01))
    assert found[(FILTER,)] == (pytest.approx(1066.67, abs=0.01), 1, pytest.approx(96.19, abs=0.01))
    assert found[(CLUTTER, FILTER)] == (pytest.approx(77.08, abs=0.01), 2, pytest.approx(3.48, abs=0.01))
    p = [effect.p for effect in table.effects]
    assert p == [pytest.approx(0.0003, abs=5e-5), pytest.approx(0, abs=1e-4), pytest.approx(0.0573, abs=5e-4)]
    assert table.block_sum_of_squares == pytest.approx(402.17, abs=0.01)
    assert (table.error_sum_of_squares, table.error_df) == (pytest.approx(166.33, abs=0.01), 15)
    assert table.effects[0].partial_eta_squared == pytest.approx(335.58 / (335.58 + 166.33), abs=1e-4)


@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (2, 3, 2)])
def test_the_table_is_that_of_a_least_squares_fit(shape):
    """statsmodels fits the same model with a dummy for each seed and level: no closed form, much slower."""
    names = ["a", "b", "c"][: len(shape)]
    noise = np.random.default_rng(len(shape))
    trials = [
        dict(zip(names, levels, strict=True), seed=seed, status="complete")
        | {"test/error": 8 + sum(levels) ** 2 / 5 + seed / 3 + float(noise.normal(0, 1))}
        for levels in itertools.product(*map(range, shape))
        for seed in range(4)
    ]
    (table,) = anova(trials, arm=names, context=[])
    frame = pd.DataFrame(trials).rename(columns={"test/error": "y"})
    fit = anova_lm(ols(f"y ~ C(seed) + {' * '.join(f'C({name})' for name in names)}", frame).fit(), typ=1)
    for effect in table.effects:
        line = fit.loc[":".join(f"C({name})" for name in effect.factors)]
        assert (effect.sum_of_squares, effect.f, effect.p) == pytest.approx((line["sum_sq"], line["F"], line["PR(>F)"]))
        assert effect.df == line["df"]
    assert (table.error_sum_of_squares, table.error_df) == pytest.approx(tuple(fit.loc["Residual", ["sum_sq", "df"]]))
    assert table.block_sum_of_squares == pytest.approx(fit.loc["C(seed)", "sum_sq"])


def test_each_context_has_its_table_and_an_incomplete_seed_is_left_out_and_counted():
    second = radar(**{DEPTH: 2})
    second[5] |= {"status": "failed", "reason": "killed by signal 9", "test/error": None}
    tables = anova([*radar(**{DEPTH: 1}), *second], arm=[CLUTTER, FILTER], context=[DEPTH])
    assert [(t.context, t.seeds, t.left_out) for t in tables] == [({DEPTH: 1}, 4, 0), ({DEPTH: 2}, 3, 1)]


def test_a_context_in_which_a_seed_diverged_has_no_table():
    second = radar(**{DEPTH: 2})
    second[5] |= {"status": "failed", "reason": "diverged", "test/error": None}
    tables = anova([*radar(**{DEPTH: 1}), *second], arm=[CLUTTER, FILTER], context=[DEPTH])
    assert [t.context for t in tables] == [{DEPTH: 1}]


@pytest.mark.parametrize(
    "kept",
    [
        lambda t: t[FILTER] == 1,  # one factor
        lambda t: (t[CLUTTER], t[FILTER]) != ("low", 2),  # a cell is missing
        lambda t: t["seed"] == 0,  # no error to test against
    ],
)
def test_no_table_where_the_factors_are_not_crossed_over_seeds(kept):
    assert anova([t for t in radar() if kept(t)], arm=[CLUTTER, FILTER], context=[]) == []


def test_residuals_without_spread_give_no_test():
    trials = [t | {"test/error": float(t["seed"] + t[FILTER])} for t in radar()]
    (table,) = anova(trials, arm=[CLUTTER, FILTER], context=[])
    assert all(math.isnan(e.f) and math.isnan(e.p) and math.isnan(e.partial_eta_squared) for e in table.effects)


def test_a_planted_interaction_of_three_factors_is_the_only_one_found():
    noise = np.random.default_rng(3)
    trials = [
        {"a": a, "b": b, "c": c, "seed": seed, "status": "complete"}
        | {"test/error": 10 + seed + 2.0 * a * b * c + float(noise.normal(0, 0.3))}
        for seed in range(5)
        for a in (-1, 1)
        for b in (-1, 1)
        for c in (-1, 1)
    ]
    (table,) = anova(trials, arm=["a", "b", "c"], context=[])
    assert len(table.effects) == 7
    assert [e.factors for e in table.effects if e.p < 0.001] == [("a", "b", "c")]
