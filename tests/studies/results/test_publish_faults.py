"""Trials of a faulty protocol are marked in red wherever they appear: screen, page, tables, figures, MLflow."""

import io
import json

import pytest
from rich.console import Console

from resnet_lab.tracking import Tracker, read_runs
from resnet_lab.tracking.availability import Availability
from studies.modes.mode import Planned
from studies.plan.options import Options
from studies.plan.plan import make_plan
from studies.plan.study import find_study
from studies.results.publish import publish
from tests.studies.fakes import FakeExecutor

RED = "\x1b[31m"
SENTENCE = "In red: 2 trials whose protocol is not correct (validation=test)"


@pytest.fixture
def publishing(store_folder, go, reported):
    """Run a plan with made-up errors and publish it; return what stood on the screen, and the report's folder."""

    def run(study, *assignments, **options):
        plan = make_plan(find_study(study), Options(seeds=(0, 1), assignments=assignments, **options))
        errors = {"held_out": 5.0, "test": 4.0}
        executor = FakeExecutor(lambda spec: errors[spec.protocol.validation] + 0.1 * spec.seed**2, epochs=2)
        screen = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
        reports = reported(go(Planned(), plan, executor), screen).reports
        tracker = Tracker.open(store_folder, study)
        launch = tracker.start_launch("launch", {}, {})
        publish(reports, tracker, launch, {"seconds": {}, "energy_j": None}, Availability(tracker.client, print))
        return screen.file.getvalue(), store_folder / "reports" / plan.title, tracker

    return run


def only_validation():
    """Return what leaves of all faults that one."""
    correct = {name: levels[0] for name, levels in find_study("protocol_faults").arm.items()}
    return [f"{name}={value}" for name, value in correct.items() if name != "protocol.validation"]


def test_a_faulty_arm_is_red_on_the_screen_on_the_page_in_tables_figures_and_mlflow(publishing, store_folder):
    screen, folder, tracker = publishing("protocol_faults", *only_validation())
    red = [line for line in screen.splitlines() if RED in line]
    assert any("validation=test" in line and "faulty" in line for line in red)
    assert any(SENTENCE in line for line in red)
    assert not any("baseline" in line and "│" in line for line in red)

    page, text = (folder / "report.html").read_text(), (folder / "report.md").read_text()
    assert page.count('red"><td>validation=test</td><td>faulty</td>') == 1
    assert "tr.red td, p.red" in page
    assert f'class="red">{SENTENCE}' in page
    assert "\N{LARGE RED CIRCLE} validation=test | faulty" in text
    assert f"\N{LARGE RED CIRCLE} {SENTENCE}" in text
    assert "| \N{LARGE RED CIRCLE} validation=test | faulty |" in (folder / "table.md").read_text()
    assert r"\textcolor{red}{faulty}" in (folder / "table.tex").read_text()
    for figure in ("figure.svg", "curves.svg"):
        drawn = (folder / figure).read_text()
        assert "validation=test (faulty)" in drawn
        assert "fill: #ff0000" in drawn

    runs = json.loads((folder / "runs.json").read_text())
    assert [run.get("faults") for run in runs] == [None, None, "validation=test", "validation=test"]
    table = json.loads((folder / "table.json").read_text())
    assert [row.get("faults") for row in table] == [None, ["validation=test"]]

    tags = [run["tags"].get("protocol") for run in read_runs(store_folder, "protocol_faults")]
    assert sorted(map(str, tags)) == ["None", "None", *["faulty: validation=test"] * 2]
    arms = tracker.client.search_runs([tracker.experiment_id], "tags.kind = 'arm'")
    assert {run.data.tags.get("protocol") for run in arms} == {None, "faulty: validation=test"}


def test_a_fault_that_was_accepted_is_red_in_every_arm_of_another_study(go, reported, store_folder):
    fault = ("protocol.validation=test",)
    plan = make_plan(find_study("depth"), Options(seeds=(0, 1), assignments=fault, accept_faults=True))
    screen = Console(file=io.StringIO(), width=100)
    reported(go(Planned(), plan, FakeExecutor()), screen)
    lines = (store_folder / "reports" / plan.title / "table.md").read_text().split("\n\n")[0].splitlines()
    assert [line.startswith("| \N{LARGE RED CIRCLE} ") for line in lines[2:]] == [True] * len(plan.cells)
    assert (
        f"In red: {2 * len(plan.cells)} trials whose protocol is not correct (validation=test)"
        in screen.file.getvalue()
    )
