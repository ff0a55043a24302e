"""Verdicts: the figures are those of the papers, and the rule is right at its nominal rate."""

import math

import numpy as np
import pytest

from analysis.comparison.published import REQUIRED, Published, _protocol, deviations, figures, figures_for, noted
from analysis.comparison.verdict import failing, judge, level, limits, moments, p_value, reported_median
from analysis.stats.intervals import holm
from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import flatten, parse_value, replace
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
        assert len(fingerprint(spec)) == 12


def as_published(one):
    """Return a run by all that the figure's protocol states and a run of this project can be."""
    stated = {name: value for name, value in one.parts.items() if value != "unknown" and name in flatten(RunSpec())}
    if one.model.get("model.block.kind") != "bottleneck":
        stated.pop("model.block.stride_on", None)
    model = dict(one.model)
    if one.parts["padding"] == "avg_pool":
        model["model.block.shortcut"] = "avg_pool"
    return replace(RunSpec(), {"data.name": one.data, **model, **stated})


BEYOND = ("images 45000 (published 50000)", "images 55000 (published 60000)", "number of runs", "published: ")


def test_a_run_by_the_stated_protocol_agrees_with_it():
    """What is left is what no run here can be, or what decides and is unknown."""
    for one in figures():
        left = [each for each in deviations(as_published(one), one) if not each.startswith(BEYOND)]
        assert all(each.endswith("(published: unknown)") for each in left), left
    compared = {one.source.partition(",")[0] for one in figures() if not deviations(as_published(one), one)}
    assert compared == {"He", "Huang et al. 2016", "A public reproduction of the CIFAR ResNet (text T1)"}


def test_every_protocol_names_every_part_with_its_source():
    for one in figures():
        assert set(REQUIRED) <= set(one.origin.parts)
        assert all(part.source for part in one.origin.parts.values())
        for name, part in one.origin.parts.items():
            if name in flatten(RunSpec()) and part.value != "unknown":
                parse_value(name, str(part.value))  # a value that the field has


@pytest.mark.parametrize("change", [{"states": [{"source": "x", "images": 50000}]}, {}])
def test_a_protocol_that_leaves_a_part_out_or_names_it_twice_is_refused(change):
    lines = [{"source": "x", **dict.fromkeys(REQUIRED, "unknown")}]
    table = {"states": lines + change["states"]} if change else {"states": [{"source": "x", "images": 50000}]}
    with pytest.raises(ValueError, match=r"published\.toml"):
        _protocol("odd", table)


# One change each to a run that agrees with a published figure: He et al. 2016's ResNet-164, table 2, and stochastic
# depth. Before, the first five got a verdict.
HE = {
    "model.name": "preact_resnet164",
    "model.block.stride_on": "conv1",
    "recipe.momentum_kind": "caffe",
}
HUANG = {
    "model.depth": 110,
    "model.block.drop_path": 0.5,
    "model.block.shortcut": "avg_pool",
    "recipe.optimizer": "nesterov",
    "recipe.iterations": 176_000,
    "recipe.warmup": "none",
    "recipe.select": "best_validation",
    "data.normalise": "per_pixel",
}


@pytest.mark.parametrize(
    ("base", "value", "change", "deviation"),
    [
        (HE, 5.46, {"model.block.stride_on": "conv2"}, "model.block.stride_on conv2 (published conv1)"),
        (HE, 5.46, {"recipe.momentum_kind": "torch"}, "recipe.momentum_kind torch (published caffe)"),
        (HE, 5.46, {"recipe.label_smoothing": 0.1}, "recipe.label_smoothing 0.1 (published 0.0)"),
        (HUANG, 5.25, {"recipe.select": "last"}, "recipe.select last (published best_validation)"),
        (HUANG, 5.25, {"recipe.optimizer": "sgd"}, "recipe.optimizer sgd (published nesterov)"),
        (HUANG, 5.25, {"recipe.warmup": "auto"}, "recipe.warmup constant (published none)"),
        (HUANG, 5.25, {"model.block.shortcut": "A"}, "padding A (published avg_pool)"),
        (HUANG, 5.25, {"data.normalise": "channel"}, "data.normalise channel (published per_pixel)"),
    ],
)
def test_a_stated_part_that_disagrees_withholds_the_verdict(base, value, change, deviation):
    agrees = replace(RunSpec(), base)
    (one,) = [one for one in figures_for(agrees) if one.value == value]
    results = [value - 0.1, value, value + 0.1]
    assert judge(one, results, deviations(agrees, one)).name == "reproduced"
    differs = replace(RunSpec(), {**base, **change})
    assert one in figures_for(differs)
    assert deviations(differs, one) == [deviation]
    assert judge(one, results, deviations(differs, one)).name == "protocol differs"


def test_the_torch_blog_gets_no_verdict_at_64k_iterations():
    """It trained on 50,000 images for 200 epochs, and calls its deep nets 116 layers deep in one place."""
    spec = replace(RunSpec(), {"model.depth": 110, "recipe.optimizer": "nesterov"})
    (one,) = [one for one in figures_for(spec) if one.value == 6.97]
    found = deviations(spec, one)
    for part in ("recipe.iterations 64000 (published 78125)", "recipe.milestone_2 0.75 (published 0.6)", BEYOND[0]):
        assert part in found
    assert any("116" in each for each in found)
    assert judge(one, [6.9, 7.0, 6.95], found).name == "protocol differs"


def test_the_figures_of_resnet_110_are_found():
    found = {(one.table, one.value, one.protocol) for one in figures_for(replace(RunSpec(), {"model.depth": 110}))}
    assert {("table 6", 6.61, "mean of 5"), ("table 6", 6.43, "best of 5"), ("table 2", 6.61, "median of 5")} <= found
    assert figures_for(replace(RunSpec(), {"model.depth": 26})) == []


def test_a_deviation_names_field_and_both_values():
    spec = replace(RunSpec(), {"recipe.iterations": 320, "data.name": "digits", "recipe.precision": "fp32"})
    (one, *_) = figures_for(spec)
    assert deviations(spec, one) == [
        "data.name digits (published cifar10)",
        "data.normalise channel (published per_pixel, from memory)",
        "recipe.iterations 320 (published 64000)",
    ]


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
    assert one.value == 12.55
    assert not [each for each in deviations(adagrad, one) if "optimizer" in each or "recipe.lr " in each]
    assert not [one for one in figures_for(RunSpec()) if one.table == "table of optimisers"]


def test_the_held_out_images_are_noted_and_change_no_verdict():
    """The schedule was chosen on 45k/5k; on what the final networks were trained, PUBLISHED.md does not say."""
    spec = replace(RunSpec(), {"data.normalise": "per_pixel"})
    (one, *_) = figures_for(spec)
    assert noted(spec, one) == [
        "recipe.momentum_kind torch, recipe.select last (unknown: stated nowhere)",
        "images 45000 (unknown: 1512.03385, section 4.2: the schedule was chosen on 45,000 and 5,000 images; on what"
        " the final networks were trained is not stated)",
        "images over the standard deviation of all pixels (on what scale theirs were is stated nowhere)",
    ]
    assert deviations(spec, one) == []
    for results in ([8.7, 8.8, 8.75], [6.5, 6.6, 6.55], [5.0, 9.0], [8.7]):
        without, judged = judge(one, results, []), judge(one, results, [], noted=noted(spec, one))
        assert (judged.name, judged.low, judged.high) == pytest.approx(
            (without.name, without.low, without.high), nan_ok=True
        )
        assert len(judged.noted) == 3
    for changes in ({"data.name": "digits"}, {"data.train_images": 1000}):  # a deviation already
        assert not any(each.startswith("images 1") for each in noted(replace(spec, changes), one))


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


def test_a_verdict_is_withheld_where_a_seed_of_ours_diverged():
    survivors = [6.55, 6.62, math.inf, 6.60, math.inf]
    verdict = judge(figure(6.61, "median", 5), survivors, [])
    assert (verdict.name, verdict.n, verdict.ours, verdict.median) == ("withheld", 5, math.inf, 6.62)
    assert math.isnan(verdict.low)
    assert judge(figure(6.61, "median", 5), [6.55, 6.62, 6.60], []).name == "reproduced"
    assert judge(figure(6.61), survivors, ["data.name digits (published cifar10)"]).name == "protocol differs"


def test_a_median_is_reported_as_he_2016_report_theirs():
    assert reported_median(judge(figure(6.61, "median", 5), [6.5, 6.6, math.inf, 6.7, math.inf], [])) == "6.70"
    assert reported_median(judge(figure(6.61, "median", 5), [6.5, 6.6, math.inf, 25.0, math.inf], [])) == "fail"
    assert reported_median(judge(figure(6.61, "median", 5), [20.0, 19.0, 21.0], [])) == "20.00"  # fail is above 20 %


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
