"""Matched controls: the baseline at the nearest width, as a further arm of plan, table, audit and report."""

import dataclasses
import json
import random

import pytest

from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from studies.audit import text as audit_text
from studies.audit.audit import audit, inspect_networks, network_of
from studies.audit.matching import nearest, with_controls
from studies.bn_placement import STUDY as BN_PLACEMENT
from studies.cli.dry_run import preview
from studies.modes.mode import Planned
from studies.plan.design import Design
from studies.plan.options import Match, Options
from studies.plan.plan import make_plan
from studies.plan.study import find_study
from tests.studies.fakes import FakeExecutor

SHORTCUTS = dataclasses.replace(
    find_study("he2016_shortcuts"),
    arm={
        "model.block.shortcut": (
            "A",
            "constant_scaling",
            "exclusive_gating",
            "shortcut_only_gating",
            "conv1x1",
            "dropout",
        )
    },
    design=Design.FULL,
    listed=(),
)


def matched(*assignments, what=Match.FLOPS, study=SHORTCUTS, **options):
    plan = make_plan(study, Options(assignments=("model.depth=8", *assignments), **options))
    return with_controls(plan, what, inspect_networks)


def sizes(specs):
    facts = inspect_networks([network_of(spec) for spec in specs])
    return {spec: facts[network_of(spec)].parameters for spec in specs}


@pytest.mark.parametrize("width", [1, 4, 13, 40])
def test_the_nearest_width_is_that_of_a_full_search(width):
    base = replace(RunSpec(), {"model.depth": 8, "model.width": width})
    every = sizes([replace(base, {"model.width": each}) for each in range(1, 3 * width + 6)])
    for wanted in (every[base] // 3, int(1.07 * every[base]), 2 * every[base]):
        found, size = nearest(base, every[base], wanted, sizes)
        assert size == every[found]
        assert abs(size - wanted) == min(abs(each - wanted) for each in every.values())


def test_every_arm_that_costs_more_gets_a_control_and_one_serves_arms_of_equal_width():
    plan = matched("model.block.shortcut=A,exclusive_gating,shortcut_only_gating,conv1x1,dropout")
    named = {each.arm["model.block.shortcut"]: each for each in plan.controls}
    assert set(named) == {"exclusive_gating", "shortcut_only_gating", "conv1x1"}
    assert {each.control["model.block.shortcut"] for each in plan.controls} == {"A"}
    assert named["exclusive_gating"].control["model.width"] == 17
    own = {(cell.model.block.shortcut, cell.model.width) for cell in plan.cells}
    assert own - {(name, 16) for name in ("A", *named, "dropout")} == {("A", 17)}
    assert plan.arm["model.width"] == (16, 17)
    assert plan.baseline() == {"model.block.shortcut": "A", "model.width": 16}
    assert plan.title.endswith("-matched_flops")


def test_arms_that_do_not_differ_need_none():
    plan = matched(study=BN_PLACEMENT)
    assert plan.controls == ()
    assert len(plan.cells) == 4


@pytest.mark.parametrize(
    ("assignments", "options", "sentence"),
    [
        (("model.width=8,16",), {}, "varies it: leave out --match"),
        ((), {"until_decided": True, "match": Match.FLOPS}, "--until-decided compares nothing with a control"),
    ],
)
def test_a_study_that_cannot_be_matched_is_refused(assignments, options, sentence):
    wide = dataclasses.replace(SHORTCUTS, arm={**SHORTCUTS.arm, "model.width": (16, 8)})
    with pytest.raises(UserError, match=sentence):
        matched(*assignments, study=wide, **options)


def test_the_audit_says_how_near_each_control_comes():
    plan = matched("model.block.shortcut=A,exclusive_gating,conv1x1", what=Match.PARAMETERS)
    lines = audit_text.lines(audit(plan, inspect_networks([network_of(cell) for cell in plan.cells])))
    text = " ".join(" ".join(lines).split())
    assert "controls: the baseline at the width at which it comes nearest to an arm" in text
    assert "conv1x1 (depth 8): baseline itself (width 16), parameters" in text
    assert max(map(len, lines)) <= 80
    plan = matched("model.block.shortcut=A,exclusive_gating")
    text = " ".join(audit_text.lines(audit(plan, inspect_networks([network_of(cell) for cell in plan.cells]))))
    assert "baseline at width 17, FLOPs" in " ".join(text.split())


def test_a_dry_run_lists_the_controls(capsys):
    options = Options(match=Match.FLOPS, dry_run=True, device="cpu", assignments=("model.depth=8",))
    assert preview(SHORTCUTS, options) == 0
    text = capsys.readouterr().out
    assert any(line.split()[:3] == ["8", "A", "17"] for line in text.splitlines())
    assert "baseline at width 17" in " ".join(text.split())


def error(spec):
    """Gating is better than the baseline by 1 point, as is the wider baseline: width explains all of it."""
    noise = random.Random(f"{spec.seed} {spec.model}").gauss(0, 0.05)
    return 10.0 - (spec.model.width > 16 or spec.model.block.shortcut == "exclusive_gating") + noise


def test_the_report_compares_each_arm_with_its_control(go, reported):
    toy = dataclasses.replace(SHORTCUTS, arm={**SHORTCUTS.arm, "model.block.act_position": ("after_add", "none")})
    plan = matched("model.block.shortcut=A,exclusive_gating", study=toy, seeds=tuple(range(5)), epochs=1)
    outcome = go(Planned(), plan, FakeExecutor(error, epochs=1))
    runs, files, reports = reported(outcome)
    assert len(runs) == 5 * 5
    row = next(each for each in reports[0].rows if each.arm["model.block.shortcut"] == "exclusive_gating")
    assert row.difference == pytest.approx(-1, abs=0.1)
    folder = files[0].parent
    one, _ = json.loads((folder / "matched_controls.json").read_text())
    assert one["difference"] == pytest.approx(0, abs=0.1)
    assert one["p_holm"] >= one["p"]
    assert one["control"] == {**plan.baseline(), "model.width": 17}
    text = " ".join((folder / "table.md").read_text().split())
    assert "shortcut=exclusive_gating, act_position=after_add against the baseline at width 17: " in text
    assert "over these 2 and the 4 comparisons of the table together" in text
    pages = reports[0].write_page({})
    html = next(path for path in pages if path.name == "report.html").read_text()
    assert "Matched controls" in html
    assert "Analysis of variance" in html  # of the design, which the controls do not belong to
