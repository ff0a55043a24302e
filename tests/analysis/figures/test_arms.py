"""The arms figure: its files, its data and its axis."""

import math
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.comparison.arms import summarise
from analysis.figures.arms import plot_arms
from analysis.figures.axes import limits, spans_decades
from analysis.stats.intervals import t_interval

NORM, DEPTH = "model.block.norm_position", "model.depth"
per_cent = st.lists(st.floats(0, 100, allow_subnormal=False), min_size=1, max_size=8)


def study(seeds=3):
    noise = np.random.default_rng(0)
    return [
        {NORM: norm, DEPTH: depth, "seed": seed, "status": "complete", "reason": None}
        | {"test/error": float(noise.uniform(3, 6))}
        for depth in (20, 56)
        for norm in ("before_add", "after_add")
        for seed in range(seeds)
    ]


def plot(trials, out, title="a study"):
    rows = summarise(trials, arm=[NORM], context=[DEPTH], baseline={NORM: "before_add"})
    return plot_arms(trials, rows, arm=[NORM], context=[DEPTH], title=title, out=out), rows


def test_three_files_and_a_csv_that_holds_every_point_and_interval(tmp_path):
    trials = study()
    trials[4] |= {"status": "failed", "reason": "killed by signal 9", "test/error": None}
    paths, rows = plot(trials, tmp_path / "new" / "v1.0")
    assert [path.name for path in paths] == ["v1.0.png", "v1.0.svg", "v1.0.csv"]
    frame = pd.read_csv(paths[2])
    seeds = frame[frame["shows"] == "seed"]
    read = {(r[DEPTH], r[NORM], int(r["seed"])): r["value"] for r in seeds.to_dict("records")}
    assert read == {(t[DEPTH], t[NORM], t["seed"]): t["test/error"] for t in trials if t["test/error"]}
    failed = frame[frame["shows"] == "failed"].to_dict("records")
    assert [(r["seed"], r["reason"]) for r in failed] == [(1, "killed by signal 9")]
    intervals = frame[frame["shows"] == "interval"]
    assert intervals[["n", "mean", "low", "high"]].to_numpy().tolist() == [
        [row.n, row.mean, row.low, row.high] for row in rows
    ]
    assert intervals["is_baseline"].tolist() == [True, False, True, False]


def test_svg_is_the_same_each_time_and_keeps_a_strange_title_as_text(tmp_path):
    title = "<script> & $x$, a title so long that it has to be set in two lines or it would leave the figure"
    (png, svg, csv), _ = plot(study(), tmp_path / "a", title)
    (again, svg_again, csv_again), _ = plot(study(), tmp_path / "b", title)
    assert svg.read_bytes() == svg_again.read_bytes()
    assert csv.read_bytes() == csv_again.read_bytes()
    assert png.read_bytes() == again.read_bytes()
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(svg).iter()}
    assert "script" not in tags
    assert "date" not in tags


@pytest.mark.parametrize("change", ["one seed", "none complete", "near chance", "equal"])
def test_unusual_studies_are_drawn(tmp_path, change):
    trials = study(seeds=1 if change == "one seed" else 3)
    for trial in trials:
        if change == "none complete":
            trial |= {"status": "failed", "reason": "diverged"}
        if change == "near chance" and trial[NORM] == "after_add":
            trial["test/error"] = 90.0
        if change == "equal":
            trial["test/error"] = 0.0
    (png, _, csv), _ = plot(trials, tmp_path / "figure")
    pixels = matplotlib.image.imread(png)
    assert pixels.shape[0] > 400
    assert pixels.std() > 0.05
    assert len(pd.read_csv(csv)) == len(trials) + 4


def test_the_axis_is_clipped_where_an_interval_is_far_wider_than_the_seeds():
    values = [4.0, 5.0]
    wide = t_interval(values)
    bottom, top = limits(values, [wide.low], [wide.high])
    assert wide.low < 0 < bottom < 4
    assert 5 < top < 6 < wide.high
    narrow = limits(values, [3.9], [5.1])
    assert narrow == pytest.approx((3.9 - 0.08, 5.1 + 0.08))
    assert limits([], [], []) == (0.0, 100.0)


@given(per_cent, st.lists(st.floats(-1e3, 1e3) | st.just(math.nan), max_size=4))
def test_the_axis_holds_every_seed_and_stays_above_0(values, ends):
    bottom, top = limits(values, ends, ends)
    assert 0 <= bottom <= min(values)
    assert max(values) < top
    if spans_decades(values):
        below, above = limits(values, ends, ends, log=True)
        assert 0 < below < min(values)
        assert max(values) < above


def test_a_log_axis_only_where_arms_are_far_apart():
    assert spans_decades([4.0, 5.0, 90.0])
    assert not spans_decades([0.3, 3.0])
    assert not spans_decades([0.0, 90.0])
    assert not spans_decades([])


def test_importing_the_analysis_loads_nothing_heavy():
    heavy = ("seaborn", "matplotlib", "pandas", "scipy", "statsmodels", "torch")
    code = f"import sys, analysis.figures.arms, analysis.tables.table; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
