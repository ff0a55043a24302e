"""The main table of a study: width, headings, footnotes and markup."""

import itertools
import math
import random

import pytest
from rich.console import Console

from analysis.comparison.arms import summarise
from analysis.tables.footnotes import explain
from analysis.tables.labels import short_names
from analysis.tables.table import markdown, render

DEPTH = "model.depth"
VALUES = {
    "model.block.norm_position": ("before_add", "after_add"),
    "model.block.act_position": ("after_add", "none"),
    "model.block.preactivation": ("none", "relu_only"),
    "model.block.shortcut": ("A", "shortcut_only_gating"),
}
BASELINE = {name: values[0] for name, values in VALUES.items()}


def study(fields, *, seeds=3, depths=(20, 110), scale=1.0):
    names = list(VALUES)[:fields]
    noise = random.Random(0)
    trials = [
        dict(zip(names, values, strict=True))
        | {DEPTH: depth, "seed": seed, "status": "complete", "reason": None}
        | {"test/error": scale * noise.uniform(3, 9)}
        for depth in depths
        for values in itertools.product(*(VALUES[name] for name in names))
        for seed in range(seeds)
    ]
    return trials, names


def rows_of(trials, names):
    return summarise(trials, arm=names, context=(DEPTH,), baseline=BASELINE)


def text(rows, *, title="a title", width=80):
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(render(rows, title=title, width=width))
    return capture.get()


@pytest.mark.parametrize("fields", [1, 2, 3, 4])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_never_wider_than_80_columns(fields, seeds, scale):
    trials, names = study(fields, seeds=seeds, scale=scale)
    trials[-1] |= {"status": "failed", "reason": "diverged"}
    lines = text(rows_of(trials, names)).splitlines()
    assert max(map(len, lines)) <= 80
    assert "p Holm" in "\n".join(lines)
    assert sum("baseline" in line for line in lines) >= 2


def test_two_fields_stand_on_one_line_each():
    trials, names = study(2)
    shown = text(rows_of(trials, names))
    first = next(line for line in shown.splitlines() if line.startswith("20"))
    row = rows_of(trials, names)[0]
    interval = f"{row.mean:.2f} [{row.low:.2f}, {row.high:.2f}]"
    assert first.split("  ")[0] == "20"
    assert interval in first
    assert "baseline" in first
    assert "failed" not in shown
    assert shown.count("─" * 20 + "─" * 20) >= 2  # under the heading and between the depths


def test_a_narrow_table_shows_what_differs_from_the_baseline():
    trials, names = study(4)
    shown = text(rows_of(trials, names))
    assert "norm_position=after_add" in shown
    assert "=before_add" not in shown
    assert "  shortcut_only_gating" in shown


def test_failures_have_a_column_and_their_reason_is_given():
    trials, names = study(1)
    trials[1] |= {"status": "failed", "reason": "killed by signal 9"}
    trials[2] |= {"status": "missing"}
    rows = rows_of(trials, names)
    assert "failed" in text(rows)
    notes = explain(rows, BASELINE)
    assert "1 of 12 trials failed and 1 has not ended" in notes
    assert "depth=20, norm_position=before_add, seed 1: killed by signal 9" in notes


def test_explain_states_unit_correction_and_sensitivity():
    notes = explain(rows_of(*study(2)), BASELINE)
    assert "mean of 3 seeds an arm [95 % Student-t interval]" in notes
    assert "the baseline (norm_position=before_add, act_position=after_add) of the same depth" in notes
    assert "Holm-corrected over 6 comparisons" in notes
    assert "exceeds 2.5 times the sd" in notes


def test_explain_of_one_seed_of_none_and_of_equal_differences():
    assert "one seed allows no interval and no test" in explain(rows_of(*study(1, seeds=1)), BASELINE)
    assert explain([], BASELINE) == "No trials."
    trials, names = study(1)
    for trial in trials:
        trial["test/error"] = 3.0 if trial[names[0]] == "before_add" else 3.28
    rows = rows_of(trials, names)
    assert "every seed gave the same difference" in explain(rows, BASELINE)
    assert "n/a" in text(rows)


def test_an_arm_without_results_is_shown():
    trials, names = study(1, depths=(20,))
    for trial in trials[3:]:
        trial |= {"status": "failed", "reason": "killed by signal 9"}
    row = rows_of(trials, names)[1]
    assert math.isnan(row.mean)
    assert text([row]).splitlines()[-1].split() == ["20", "after_add", "0", "3", "n/a", "n/a", "n/a"]


def test_diverged_seeds_stand_in_place_of_a_mean_and_are_explained():
    trials, names = study(1, depths=(20,), seeds=5)
    for trial in trials[5:8]:
        trial |= {"status": "failed", "reason": "diverged", "test/error": None}
    rows = rows_of(trials, names)
    assert markdown(rows).splitlines()[-1].endswith("| 2 | 3 | 3 of 5 diverged | 3 of 5 diverged | 0.062 |")
    notes = explain(rows, BASELINE)
    assert "A diverged seed is an outcome, the worst there is" in notes
    assert "exact signed-rank test with infinity the worst (no less than 0.062)" in notes
    assert "3 of 10 trials diverged" in notes
    assert "mean of 5 seeds an arm" in notes  # the baseline's alone


def test_markdown_has_the_same_cells_and_escapes():
    trials, names = study(1, seeds=2)
    for trial in trials:
        trial[names[0]] += "|<b>"
    rows = summarise(trials, arm=names, context=(DEPTH,), baseline={names[0]: "before_add|<b>"})
    lines = markdown(rows).splitlines()
    assert lines[0] == "| depth | norm_position | n | error % | difference | p Holm |"
    assert lines[2].startswith("| 20 | before_add\\|&lt;b> | 2 | ")
    assert len(lines) == 2 + len(rows)


def test_markup_in_a_title_or_value_stays_text():
    trials, names = study(1)
    for trial in trials:
        trial[names[0]] = f"[red]{trial[names[0]]}[/red]"
    shown = text(rows_of(trials, names), title="a [/bold] title")
    assert "a [/bold] title" in shown
    assert "[red]after_add[/red]" in shown


def test_no_rows_make_an_empty_table():
    assert "error %" in text([])
    assert markdown([]).startswith("| n | error % |")


def test_short_names_stay_apart():
    assert short_names(["model.depth", "seed"]) == {"model.depth": "depth", "seed": "seed"}
    assert short_names(["data.name", "model.name"]) == {"data.name": "data.name", "model.name": "model.name"}
    assert short_names(["a.b.c", "x.b.c", "c"]) == {"a.b.c": "a.b.c", "x.b.c": "x.b.c", "c": "c"}
