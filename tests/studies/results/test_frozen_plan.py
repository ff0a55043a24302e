"""The frozen plan of every mode: what it holds, and which trials count as data that was seen."""

import json

import pytest

from analysis.results.analysis_plan import FILE, HISTORY, read_plans
from analysis.stats.multiplicity import Correction
from resnet_lab.trials.trial import Trial
from studies.bn_placement import STUDY
from studies.modes.mode import make_mode
from studies.plan.options import Algorithm, Options
from studies.plan.plan import make_plan
from studies.results.frozen_plan import change_lines, freeze_plans, plan_files, set_aside_unreadable

TITLE = "bn_placement-quick-digits-depth8-width8"
UNTIL = f"{TITLE}-until_decided"


def frozen(out, **options):
    """Freeze what a launch with these options would; return the plans by title."""
    asked = Options(assignments=("model.depth=8", "model.width=8"), **options)
    plan = make_plan(STUDY, asked)
    plans = make_mode(plan, asked).frozen(plan)
    freeze_plans(plans, out)
    return plan, plans


def end(out, run, **content):
    trial = Trial(root=out / "trials", spec=run)
    trial.folder.mkdir(parents=True)
    name = "failure.json" if "reason" in content else "result.json"
    (trial.folder / name).write_text(json.dumps(content))


def test_a_comparison_freezes_arms_seeds_margin_tests_and_no_claims(tmp_path):
    _, plans = frozen(tmp_path, margin=0.5)
    record = read_plans(tmp_path / "reports" / TITLE).first
    assert record.is_intact
    assert record.plan == json.loads(json.dumps(plans[TITLE]))
    assert len(record.plan["arms"]) == 4
    assert (record.plan["seeds"], record.plan["looks"], record.plan["margin"]) == ([0, 1, 2, 3, 4], [], 0.5)
    assert record.plan["tests"]["p"] == "two-sided paired t test, n - 1 df"
    assert (record.plan["tests"]["correction"], record.plan["tests"]["family"]) == ("Holm", 3)
    assert (record.plan["claims"], record.trials, record.results) == ([], 20, 0)
    assert record.plan["fixed"]["model.width"] == 8
    assert plan_files([TITLE], tmp_path) == {TITLE: [tmp_path / "reports" / TITLE / FILE]}


def test_the_correction_that_was_asked_for_is_frozen(tmp_path):
    _, plans = frozen(tmp_path, correction=Correction.BH)
    assert plans[TITLE]["tests"]["correction"] == "Benjamini-Hochberg"


def test_seeds_until_decided_freeze_their_looks(tmp_path):
    _, plans = frozen(tmp_path, until_decided=True, max_seeds=7, margin=0.3)
    assert plans[UNTIL]["looks"] == [5, 7]
    assert plans[UNTIL]["mode"] == "until_decided"
    assert "corrected for looks" in plans[UNTIL]["tests"]["p"]


def test_tuning_freezes_both_comparisons(tmp_path):
    _, plans = frozen(tmp_path, tune=True, tune_trials=4)
    assert list(plans) == [TITLE, f"{TITLE}-tuned"]
    tuning = plans[f"{TITLE}-tuned"]["tuning"]
    assert (tuning["budget"], tuning["space"][0]["field"]) == (4, "recipe.lr")
    assert plans[TITLE] == frozen(tmp_path)[1][TITLE]  # the first comparison is that of a launch without --tune


def test_a_search_freezes_its_space_and_budget(tmp_path):
    _, plans = frozen(tmp_path, search=Algorithm.TPE, trials=9)
    (plan,) = plans.values()
    assert list(plans) == [f"{TITLE}-search"]
    assert (plan["budget"], plan["algorithm"]) == (9, "tpe")
    assert [each["field"] for each in plan["space"]][-1] == "recipe.lr"
    search = tmp_path / "trials" / "0123456789ab-seed10000"
    search.mkdir(parents=True)
    (search / "result.json").write_text("{}")
    frozen(tmp_path, search=Algorithm.TPE, trials=12)
    plans = read_plans(tmp_path / "reports" / f"{TITLE}-search")
    assert [each.plan["budget"] for each in plans.changed] == [12]


@pytest.mark.parametrize(
    ("content", "changed"), [({"test/error": 1.0}, 1), ({"reason": "diverged"}, 1), ({"reason": "out_of_memory"}, 0)]
)
def test_a_result_or_a_divergence_is_data_and_a_fault_is_not(tmp_path, content, changed):
    plan, _ = frozen(tmp_path, name="mine")
    end(tmp_path, plan.runs()[0], **content)
    frozen(tmp_path, name="mine", seeds=(5, 6, 7))  # none of its own trials has ended: those of the first plan count
    folder = tmp_path / "reports" / plan.title
    plans = read_plans(folder)
    assert (len(plans.changed), len(plans.replaced)) == (changed, 1 - changed)
    assert (folder / HISTORY).exists()


def test_another_plan_under_an_old_report_is_told_with_the_fields_that_differ(tmp_path):
    _, plans = frozen(tmp_path, margin=0.5)
    assert change_lines(plans, tmp_path) == []
    asked = Options(assignments=("model.depth=8", "model.width=8"), margin=0.2, correction=Correction.BH)
    plan = make_plan(STUDY, asked)
    (line,) = change_lines(make_mode(plan, asked).frozen(plan), tmp_path)
    assert line.startswith(f"the plan of {TITLE} has changed: ")
    assert "margin 0.5 -> 0.2" in line


@pytest.mark.parametrize("content", [b"\xff{", b"[]", b"{}"])
@pytest.mark.parametrize("file", [FILE, HISTORY])
def test_a_plan_that_cannot_be_read_is_set_aside_and_told_and_todays_says_what_it_came_after(tmp_path, file, content):
    plan, plans = frozen(tmp_path)
    end(tmp_path, plan.runs()[0], sha256="")
    folder = tmp_path / "reports" / TITLE
    (folder / file).write_bytes(content)
    if file == HISTORY and content == b"[]":
        assert set_aside_unreadable(plans, tmp_path) == [], "that is a history without changes"
        return
    (line,) = set_aside_unreadable(plans, tmp_path)
    assert f"{file}.damaged" in line
    assert (folder / f"{file}.damaged").read_bytes() == content
    freeze_plans(plans, tmp_path)
    assert read_plans(folder).first.results == 1
