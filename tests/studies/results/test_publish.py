"""The end of a launch, with a fake executor: the page, what it says of the launch, and a run per arm."""

import io
import json

from rich.console import Console

from analysis import load_study
from resnet_lab.tracking import Tracker, read_runs
from resnet_lab.tracking.availability import Availability
from studies.bn_placement import STUDY
from studies.modes.mode import Planned
from studies.plan.options import Options
from studies.plan.plan import make_plan
from studies.results.publish import publish
from tests.studies.fakes import FakeExecutor


def test_a_launch_ends_with_a_report_and_a_run_for_each_arm(store_folder, go, reported):
    plan = make_plan(STUDY, Options(seeds=(0, 1), margin=3.0, assignments=("model.depth=8",)))
    worse = {"before_add": 5.0, "after_add": 7.0}
    executor = FakeExecutor(lambda spec: worse[spec.model.block.norm_position] + 0.1 * spec.seed**2, epochs=2)
    screen = Console(file=io.StringIO(), width=120)
    _, files, reports = reported(go(Planned(), plan, executor), screen)
    alike = (
        "Equivalent to the baseline within 3 points, after Holm's correction: none."  # equal differences show nothing
    )
    assert alike in screen.file.getvalue()
    tracker = Tracker.open(store_folder, STUDY.name)
    parent = tracker.start_launch("launch", {}, {})
    spent = {"seconds": {"setup": 1.0, "training": 2.0}, "energy_j": 7200.0}
    written = publish(reports, tracker, parent, spent, Availability(tracker.client, print))

    folder = store_folder / "reports" / "bn_placement-quick-digits-depth8-seeds0-1"
    assert folder / "report.html" in written
    page = (folder / "report.html").read_text()
    for words in (
        STUDY.question,
        "Equivalence with the baseline within 3 points",
        "8 of 8 trials complete",
        "Analysis of variance",
        "No figure is published",
        "2.00 Wh",
    ):
        assert words in page
    assert f"/runs/{parent.run_id}" in page
    launch = json.loads((folder / "launch.json").read_text())
    assert (launch["seconds"], launch["deep_link"]) == ({"setup": 1.0, "training": 2.0}, tracker.arms_link)

    logged = {file.path for file in tracker.client.list_artifacts(parent.run_id)}
    assert logged >= {"report.html", "report.md", "table.tex", "table.csv", "curves.png"}
    runs = tracker.client.search_runs([tracker.experiment_id], "tags.kind = 'arm'")
    arms = {run.data.tags["arm"]: run.data.metrics for run in runs}
    assert len(arms) == 4
    assert all(run.data.tags["mlflow.parentRunId"] == parent.run_id for run in runs)
    assert (arms["norm=before act=none"]["n"], round(arms["norm=after act=none"]["mean"], 2)) == (2, 7.05)
    assert len(read_runs(store_folder, STUDY.name)) == 8  # arms are no trials

    screen = Console(file=io.StringIO(), width=120)
    second = reported(go(Planned(), plan, FakeExecutor(lambda _: None)), screen)
    again = screen.file.getvalue()
    assert "Nothing has changed since the report was written: it stays as it is." in again
    assert set(second.files) == {*files, *written}
    assert (
        publish(
            second.reports, tracker, tracker.start_launch("launch", {}, {}), {}, Availability(tracker.client, print)
        )
        == []
    )
    assert (folder / "report.html").read_text() == page

    frame = load_study("bn_placement", store_folder)
    counts = frame.groupby("model.block.norm_position")["test/error"].count()
    assert counts.to_dict() == {"after_add": 4, "before_add": 4}
