"""Verdicts: the figures are those of the papers, and the rule is right at its nominal rate."""

import math

import numpy as np
import pytest

from analysis.comparison.published import Published, deviations, figures, figures_for, noted
from analysis.comparison.verdict import failing, judge, level, limits, moments, p_value
from analysis.stats.intervals import holm
from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.spec.fingerprint import fingerprint


def figure(value, statistic="mean", runs=1):
    return Published(source="x", table="1", model={}, recipe={}, value=value, statistic=statistic, runs=runs, sd=None)


def test_every_published_figure_names_a_network_that_can_be_built_and_a_legal_recipe():
    for one in figures():
        try:
            spec = replace(RunSpec(), {"data.name": one.data, **one.model, **one.recipe})
        except UserError as error:
            pytest.fail(f"{one}: {error}")
        assert one in figures_for(spec)
        assert deviations(spec, one) == ([] if one.recipe_stated else ["recipe (not stated in our sources)"])
        assert len(fingerprint(spec)) == 12


def test_the_figures_of_resnet_110_are_found():
    found = {(one.table, one.value, one.protocol) for one in figures_for(replace(RunSpec(), {"model.depth": 110}))}
    assert {("table 6", 6.61, "mean of 5"), ("table 6", 6.43, "best of 5"), ("table 2", 6.61, "median of 5")} <= found
    assert figures_for(replace(RunSpec(), {"model.depth": 26})) == []


def test_a_deviation_names_field_and_both_values():
    spec = replace(RunSpec(), {"recipe.iterations": 320, "data.name": "digits", "recipe.precision": "fp32"})
    (one, *_) = figures_for(spec)
    assert deviations(spec, one) == ["data.name digits (published cifar10)", "recipe.iterations 320 (published 64000)"]


def test_figures_of_another_data_set_are_no_ones_but_its_own():
    block = {"model.depth": 164, "model.block.kind": "bottleneck", "model.block.shortcut": "B"}
    values = {
        name: [one.value for one in figures_for(replace(RunSpec(), {**block, "data.name": name}))]
        for name in ("cifar10", "cifar100", "digits")
    }
    assert values == {"cifar10": [5.93], "cifar100": [25.16], "digits": [5.93]}


@pytest.mark.parametrize(("name", "value"), [("preact_resnet164", 5.46), ("preact_resnet1001", 4.92)])
def test_a_network_by_its_name_has_its_figure(name, value):
    assert [one.value for one in figures_for(replace(RunSpec(), {"model.name": name}))] == [value]


def test_a_figure_without_its_recipe_gets_no_verdict():
    spec = replace(RunSpec(), {"model.name": "wrn_28_10"})
    (one,) = figures_for(spec)
    assert (one.value, one.protocol) == (4.0, "runs not stated")
    assert judge(one, [4.0, 4.1, 4.05], deviations(spec, one)).name == "protocol differs"


def test_a_figure_of_another_recipe_is_listed_only_with_it():
    for changes, values in (
        ({"model.depth": 110}, [6.10]),
        ({"model.depth": 110, "recipe.effective_blocks": 23}, [6.10, 5.96]),
    ):
        assert [one.value for one in figures_for(replace(RunSpec(), changes)) if "Veit" in one.source] == values
    adagrad = replace(RunSpec(), {"recipe.optimizer": "adagrad"})
    (one,) = [one for one in figures_for(adagrad) if one.table == "table of optimisers"]
    assert (one.value, deviations(adagrad, one)) == (12.55, [])
    assert not [one for one in figures_for(RunSpec()) if one.table == "table of optimisers"]


def test_the_held_out_images_are_noted_and_change_no_verdict():
    """The schedule was chosen on 45k/5k; on what the final networks were trained, PUBLISHED.md does not say."""
    spec = RunSpec()
    (one, *others) = figures_for(spec)
    assert noted(spec, one) == [
        "trained on 45,000 images, 5,000 held out (published: schedule chosen on 45,000 images, 5,000 held out; whether"
        " the final networks had 45,000 or 50,000 is not stated in our sources)"
    ]
    assert "(published: not stated in our sources)" in noted(spec, others[0])[0]
    assert deviations(spec, one) == []
    for results in ([8.7, 8.8, 8.75], [6.5, 6.6, 6.55], [5.0, 9.0], [8.7]):
        without, judged = judge(one, results, []), judge(one, results, [], noted=noted(spec, one))
        assert (judged.name, judged.low, judged.high) == pytest.approx(
            (without.name, without.low, without.high), nan_ok=True
        )
        assert len(judged.noted) == 1
    for changes in ({"data.name": "digits"}, {"data.train_images": 1000}):  # a deviation already
        assert noted(replace(spec, changes), one) == []


def test_moments_of_order_statistics():
    assert moments("mean", 5) == (0.0, 0.2)
    mean, variance = moments("median", 5)
    assert (mean, variance) == (pytest.approx(0, abs=1e-9), pytest.approx(0.28683, abs=1e-4))
    mean, variance = moments("best", 5)
    assert (mean, variance) == (pytest.approx(-1.16296, abs=1e-4), pytest.approx(0.44753, abs=1e-4))


@pytest.mark.parametrize(("statistic", "runs"), [("mean", 1), ("mean", 5), ("median", 5), ("best", 5)])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_a_true_figure_is_contradicted_in_one_case_of_twenty(statistic, runs, n):
    rng = np.random.default_rng(n)
    ours, theirs = rng.normal(6.6, 0.16, (4000, n)), rng.normal(6.6, 0.16, (4000, runs))
    published = {"mean": theirs.mean(1), "median": np.median(theirs, 1), "best": theirs.min(1)}[statistic]
    inside = [
        low <= p <= high
        for row, p in zip(ours, published, strict=True)
        for low, high in [_limits(row, statistic, runs)]
    ]
    assert 1 - np.mean(inside) == pytest.approx(0.05, abs=0.02)


def _limits(row, statistic, runs):
    return limits(list(row), statistic, runs)


def test_a_figure_far_off_is_contradicted_with_the_chance_it_should_be():
    rng = np.random.default_rng(0)
    ours = rng.normal(8.17, 0.16, (500, 5))
    names = [judge(figure(6.61, "median", 5), list(row), []).name for row in ours]
    assert names.count("contradicted") / len(names) > 0.99


def test_a_published_failure_is_compared_with_the_number_of_ours_that_fail():
    block = {"model.depth": 110, "model.block.shortcut": "dropout"}
    (one,) = figures_for(replace(RunSpec(), block))
    assert (one.fails, one.text) == (True, "fail (over 20)")
    names = [judge(one, [25.0] * k + [math.inf] + [8.0] * (6 - k), []).name for k in (5, 6, 3)]
    assert names == ["underpowered", "reproduced", "underpowered"]
    assert judge(one, [8.0] * 5, []).name == "contradicted"
    assert judge(one, [90.0] * 4, []).name == judge(one, [], []).name == "underpowered"
    assert judge(one, [90.0] * 5, ["recipe.iterations 320 (published 64000)"]).name == "protocol differs"


@pytest.mark.parametrize("n", [5, 8, 12])
def test_the_sign_test_errs_at_most_at_its_rate_where_half_of_the_runs_fail(n):
    draws = np.random.default_rng(n).random((4000, n)) < 0.5
    names = [failing(list(row)) for row in draws]
    assert names.count("reproduced") / 4000 <= 0.05 + 0.007
    assert names.count("contradicted") / 4000 <= 0.05 + 0.007


def test_the_four_verdicts():
    tight = [6.5, 6.6, 6.7, 6.6, 6.65]
    assert judge(figure(6.61, "mean", 5), tight, []).name == "reproduced"
    assert judge(figure(8.0, "mean", 5), tight, []).name == "contradicted"
    assert judge(figure(6.61), [5.0, 8.0], []).name == "underpowered"
    assert judge(figure(6.61), [6.6], []).name == "underpowered"
    assert judge(figure(6.61, "mean", 5), tight, ["recipe.iterations 320 (published 64000)"]).name == "protocol differs"
    assert math.isnan(judge(figure(6.61), [], []).ours)


def test_the_level_gives_the_decisions_of_holm():
    rng = np.random.default_rng(0)
    for _ in range(500):
        p = list(rng.random(rng.integers(1, 8)) ** 4)
        assert [each <= level(p) for each in p] == [each <= 0.05 for each in holm(p)]
    assert level([]) == level([math.nan]) == 0.05
    assert level([0.5, math.nan, 0.6]) == 0.025


def test_a_figure_is_contradicted_exactly_where_its_p_is_at_most_the_level():
    rng = np.random.default_rng(1)
    for row in rng.normal(6.6, 0.3, (300, 5)):
        one = figure(6.61, "median", 5)
        for alpha in (0.05, 0.01):
            contradicted = judge(one, list(row), [], alpha=alpha).name == "contradicted"
            assert contradicted == (p_value(one, list(row)) <= alpha)
    assert math.isnan(p_value(figure(6.61), [6.6]))
    assert math.isnan(p_value(figure(6.61), [6.6, math.inf]))
    assert p_value(figure(6.6), [6.6, 6.6]) == 1.0


@pytest.mark.parametrize("n", [3, 5, 10])
def test_a_report_contradicts_a_true_figure_in_one_case_of_twenty(n):
    """Eight arms' figures, all of the distribution of our seeds: one by one a third of the reports is wrong."""
    rng = np.random.default_rng(n)
    wrong = {"alone": 0, "corrected": 0}
    for _ in range(800):
        arms = [(figure(float(rng.normal(6.6, 0.16))), list(rng.normal(6.6, 0.16, n))) for _ in range(8)]
        alpha = level([p_value(*arm) for arm in arms])
        for kind, used in (("alone", 0.05), ("corrected", alpha)):
            wrong[kind] += any(judge(*arm, [], alpha=used).name == "contradicted" for arm in arms)
    assert wrong["corrected"] / 800 == pytest.approx(0.05, abs=0.02)
    assert wrong["alone"] / 800 > 0.25
