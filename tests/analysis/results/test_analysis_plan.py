"""Frozen plans: the first stays, changes are kept, and an edited file does not fit its digest."""

import json

import pytest

from analysis.report.sections.analysis_plan import analysis_plan
from analysis.results.analysis_plan import FILE, HISTORY, FrozenPlan, differences, freeze, read_plans
from resnet_lab.errors import UserError

PLAN = {
    "arms": [{"a": "x"}, {"a": "y"}],
    "seeds": [0, 1, 2],
    "looks": [],
    "margin": 0.0,
    "tests": {"alpha": 0.05, "family": 1},
    "claims": [],
    "trials": ["t0", "t1"],
}


def page(folder):
    """The text of the section, and the rows of its tables."""
    texts, rows = [], []
    for block in analysis_plan(folder):
        texts += [block.text] if block.kind == "text" else []
        rows += block.rows if block.kind == "table" else []
    return " ".join(texts), [row[1:] for row in rows]


def test_without_a_plan_the_page_says_so(tmp_path):
    assert read_plans(tmp_path) is None
    assert page(tmp_path) == ("Analysis plan: none was frozen before the first trial.", [])


def test_a_study_that_went_as_planned_says_when(tmp_path):
    assert freeze(tmp_path, PLAN, results=0) == [tmp_path / FILE]
    before = (tmp_path / FILE).read_bytes()
    assert freeze(tmp_path, PLAN, results=6) == []
    assert (tmp_path / FILE).read_bytes() == before
    plans = read_plans(tmp_path)
    text, rows = page(tmp_path)
    assert text.startswith(f"Analysis plan: as planned on {plans.first.frozen}, before any trial had a result")
    assert f"SHA-256 {plans.first.digest[:12]}" in text
    assert rows == []


def test_a_change_after_data_is_listed_field_by_field_and_the_first_plan_stays(tmp_path):
    freeze(tmp_path, PLAN, results=0)
    before = (tmp_path / FILE).read_bytes()
    more = PLAN | {"seeds": [0, 1, 2, 3, 4], "tests": {"alpha": 0.1, "family": 1}, "trials": ["t0", "t1", "t2"]}
    assert freeze(tmp_path, more, results=2) == [tmp_path / HISTORY]
    assert freeze(tmp_path, more | {"margin": 0.5}, results=3) == [tmp_path / HISTORY]
    assert (tmp_path / FILE).read_bytes() == before
    text, rows = page(tmp_path)
    assert "changed after data had been seen" in text
    assert rows == [
        ["seeds", "0, 1, 2", "0, 1, 2, 3, 4", "2"],
        ["tests.alpha", "0.05", "0.1", "2"],
        ["margin", "0.0", "0.5", "3"],
    ]
    assert read_plans(tmp_path).is_whole


def test_before_any_result_a_plan_is_frozen_again_and_the_old_one_kept(tmp_path):
    freeze(tmp_path, PLAN, results=0)
    assert freeze(tmp_path, PLAN | {"margin": 0.5}, results=0) == [tmp_path / FILE, tmp_path / HISTORY]
    assert freeze(tmp_path, PLAN | {"margin": 0.7}, results=0) == [tmp_path / FILE, tmp_path / HISTORY]
    plans = read_plans(tmp_path)
    assert [each.plan["margin"] for each in plans.every] == [0.0, 0.5, 0.7]
    assert plans.is_whole
    text, rows = page(tmp_path)
    assert "as planned on" in text
    assert f"It replaced 2 earlier, see {HISTORY}." in text
    assert rows == []
    freeze(tmp_path, PLAN | {"margin": 0.9}, results=1)
    assert page(tmp_path)[1] == [["margin", "0.7", "0.9", "1"]]
    assert read_plans(tmp_path).is_whole


def test_a_plan_frozen_after_data_is_no_plan_made_before_it(tmp_path):
    freeze(tmp_path, PLAN, results=2)
    text, _ = page(tmp_path)
    assert "when 2 trials had a result already: it was not made before the data. As planned since." in text


@pytest.mark.parametrize("file", [FILE, HISTORY])
@pytest.mark.parametrize("edit", [lambda p: p["plan"].update(margin=9.0), lambda p: p.update(frozen="2020-01-01")])
def test_an_edited_file_does_not_fit_its_digest(tmp_path, file, edit):
    freeze(tmp_path, PLAN, results=0)
    freeze(tmp_path, PLAN | {"margin": 0.5}, results=1)
    content = json.loads((tmp_path / file).read_text())
    edit(content if file == FILE else content[0])
    (tmp_path / file).write_text(json.dumps(content))
    text, _ = page(tmp_path)
    assert "The digest does not fit" in text
    assert f"in {file} was edited after it was frozen" in text


def test_a_plan_made_up_with_a_digest_of_its_own_does_not_fit_the_later_ones(tmp_path):
    freeze(tmp_path, PLAN, results=0)
    freeze(tmp_path, PLAN | {"margin": 0.5}, results=1)
    content = json.loads((tmp_path / FILE).read_text()) | {"frozen": "2020-01-01 00:00:00 UTC", "sha256": ""}
    forged = FrozenPlan.from_dict(content, FILE)
    (tmp_path / FILE).write_text(json.dumps(forged.as_dict()))
    assert "The plans are not whole" in page(tmp_path)[0]


def test_a_file_that_holds_no_plan_is_refused_by_a_launch_and_named_by_the_page(tmp_path):
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(UserError, match="holds no frozen plan: restore it, or move it away"):
        freeze(tmp_path, PLAN, results=0)
    assert (tmp_path / FILE).read_text() == "{}"
    assert "holds no frozen plan" in page(tmp_path)[0]
    (tmp_path / FILE).write_text("not JSON")
    assert "is not JSON" in page(tmp_path)[0]


def test_names_of_trials_differ_only_where_nothing_else_does():
    assert differences(PLAN, PLAN | {"trials": ["u0"], "margin": 1.0}).keys() == {"margin"}
    assert differences(PLAN, PLAN | {"trials": ["u0"]}).keys() == {"trials"}
    assert differences(PLAN, PLAN) == {}
