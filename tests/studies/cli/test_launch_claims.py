"""--check-claims from the launch to its exit code: frozen, answered as text and JSON, on the page, in its folder."""

import dataclasses
import json

import pytest

from analysis.report.write import write_report
from analysis.results.analysis_plan import read_plans
from studies.bn_placement import STUDY
from studies.cli.launch import StudyLaunch, planned
from studies.modes.mode import make_mode
from studies.plan.claims import equivalent, worse_than
from studies.plan.options import Options
from tests.studies.fakes import FakeExecutor

NORM = "model.block.norm_position"
AFTER = {NORM: "after_add"}
HELD, REFUTED = worse_than(AFTER, by=1.0), worse_than(AFTER, by=8.0)
UNDERPOWERED, ELSEWHERE = equivalent(AFTER, margin=4.2), worse_than({**AFTER, "model.depth": 110})


def error(spec):
    """The arm is worse by 3.8, 4.0 and 4.2 points at seeds 0, 1 and 2."""
    return 5.0 + spec.seed + (3.8 + 0.2 * spec.seed) * (spec.model.block.norm_position == "after_add")


@pytest.fixture
def check(store_folder):
    """Launch a tiny study of fake trials with these claims; return its exit code and its report's folder."""

    def run(*claims, seeds=(0, 1, 2), **options):
        assignments = ("model.depth=8", "model.block.act_position=after_add")
        asked = Options(out=store_folder, check_claims=True, assignments=assignments, seeds=seeds, **options)
        plan = planned(dataclasses.replace(STUDY, claims=claims), asked)
        launch = StudyLaunch(
            plan=plan,
            options=asked,
            mode=make_mode(plan, asked),
            device="cpu",
            jobs=1,
            make_executor=lambda **_: FakeExecutor(error),
        )
        return launch.run(), store_folder / "reports" / plan.title

    return run


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("claims", "code"), [((HELD,), 0), ((HELD, UNDERPOWERED), 3), ((HELD, UNDERPOWERED, REFUTED), 1)]
)
def test_the_exit_code_is_that_of_the_answers(check, capsys, claims, code):
    found, folder = check(*claims, json=True)
    content = json.loads(capsys.readouterr().out)
    answers = ["held", "underpowered", "refuted"][: len(claims)]
    assert found == code
    assert [each["answer"] for each in content["claims"]] == answers
    assert content["table"]
    assert json.loads((folder / "claims.json").read_text()) == content["claims"]
    assert [each["kind"] for each in read_plans(folder).last.plan["claims"]] == [each.kind for each in claims]


@pytest.mark.usefixtures("undrawn")
def test_the_text_and_the_page_answer_each_claim_and_say_what_could_not_be_asked(check, capsys):
    code, folder = check(HELD, UNDERPOWERED, ELSEWHERE)
    shown = " ".join(capsys.readouterr().out.split())
    assert code == 3
    assert "Claims: 1 held, 0 refuted, 1 underpowered." in shown
    assert "+4.00 [3.66, 4.34], 3 pairs" in shown
    assert "this launch lacks a cell of it" in shown
    write_report(folder)  # from what is on disk
    page = (folder / "report.md").read_text()
    assert "## Claims" in page
    assert "| held |" in page
    assert "| underpowered |" in page
