"""Pareto figure: which arms are on the front, what is drawn of whom, and that it looks the same twice."""

import pytest

from analysis.comparison.arms import summarise
from analysis.figures.pareto import front, pareto_data, plot_pareto, sizes_differ

BUILT = [
    {"net": "small", "parameters": 1_000, "flops": 50_000},
    {"net": "large", "parameters": 20_000, "flops": 40_000},
    {"net": "wasteful", "parameters": 30_000, "flops": 90_000},
]
ERRORS = {"small": 8.0, "large": 6.0, "wasteful": 7.0}


@pytest.fixture
def runs():
    return [
        {"net": net, "seed": seed, "trial": f"{net}{seed}", "status": "complete", "test/error": error + 0.1 * seed}
        | {"time/train_s": 10.0 * (1 + index) + seed}
        for index, (net, error) in enumerate(ERRORS.items())
        for seed in (0, 1)
    ]


def rows_of(runs):
    return summarise(runs, arm=("net",), context=(), baseline={"net": "small"})


def test_the_front_has_no_point_that_another_matches_or_betters_in_both():
    assert front([1, 2, 3, 4], [9, 5, 6, 4]) == [0, 1, 3]
    assert front([2, 1, 1], [5, 5, 7]) == [1]
    assert front([1, 1], [5, 5]) == [0]


def test_every_cost_has_its_own_front(runs):
    frame = pareto_data(runs, rows_of(runs), BUILT)
    kept = frame[frame["on_front"]].groupby("cost", sort=False)["net"].apply(list).to_dict()
    assert kept == {"parameters": ["small", "large"], "flops": ["large"], "seconds": ["small", "large"]}
    seconds = frame[frame["cost"] == "seconds"].set_index("net")["value"].to_dict()
    assert seconds == {"small": 10.5, "large": 20.5, "wasteful": 30.5}
    assert frame["mean"].tolist()[:3] == pytest.approx([8.05, 6.05, 7.05])


def test_a_cost_that_is_not_known_of_every_arm_is_left_out(runs):
    assert set(pareto_data(runs, rows_of(runs), BUILT[:2])["cost"]) == {"seconds"}


def test_arms_of_equal_size_have_nothing_to_weigh(runs):
    same = [{**cell, "parameters": 1, "flops": 2} for cell in BUILT]
    assert sizes_differ(rows_of(runs), BUILT)
    assert not sizes_differ(rows_of(runs), same)
    assert not sizes_differ(rows_of(runs), [])


def test_the_figure_is_written_with_its_numbers_and_the_same_twice(runs, tmp_path):
    paths = plot_pareto(runs, rows_of(runs), BUILT, out=tmp_path / "pareto")
    assert [path.name for path in paths] == ["pareto.png", "pareto.svg", "pareto.csv"]
    svg = paths[1].read_text()
    for words in ("parameters", "FLOPs an image", "seconds of training", "wasteful"):
        assert words in svg
    again = plot_pareto(runs, rows_of(runs), BUILT, out=tmp_path / "again")
    assert paths[0].read_bytes() == again[0].read_bytes()


def test_a_diverged_arm_is_left_out_and_one_arm_is_no_figure(runs, tmp_path):
    runs[-1] |= {"status": "failed", "reason": "diverged", "test/error": float("nan")}
    (_, svg, csv) = plot_pareto(runs, rows_of(runs), BUILT, out=tmp_path / "pareto")
    assert "left out: 1 without a mean" in svg.read_text()
    assert "wasteful" not in csv.read_text()
    assert plot_pareto(runs[:2], rows_of(runs[:2]), BUILT, out=tmp_path / "one") == []
