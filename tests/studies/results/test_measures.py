"""Measures taken after training: once for each network, told where they fail, and everywhere that the table is."""

import dataclasses
import json
from concurrent.futures import Future

import pytest
from rich.console import Console

from resnet_lab.metrics import METRICS
from resnet_lab.spec.fields import replace
from resnet_lab.tracking import Tracker, read_runs
from resnet_lab.trials.trial import Trial
from studies.bn_placement import STUDY
from studies.cli.launch import StudyLaunch
from studies.modes.mode import make_mode
from studies.plan.measure import Measure
from studies.plan.options import Options
from studies.plan.plan import make_plan
from studies.results import measures
from studies.results.measures import failures_of, metrics_of, take_measures
from tests.specs import TINY, write_result
from tests.studies.fakes import FakeExecutor

METRIC = "lesion/mean_damage"
FIGURES = {"test/error": 5.0, "val/error": 5.0}
taken = []


def damage(trial, data_dir):  # noqa: ARG001  # the protocol's
    """Stands for a measure: it fails for seed 9."""
    taken.append(trial.name)
    if trial.spec.seed == 9:
        raise ValueError("no blocks\nto delete")
    return {METRIC: trial.spec.seed + 2.0 * (trial.spec.model.block.norm_position == "after_add"), "lesion/worst": 7.0}


DAMAGE = Measure(name="damage", metric=METRIC, title="Mean damage", take=damage)


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """Measure in this process."""

    def submit(function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future

    monkeypatch.setattr(measures, "submit", submit)
    taken.clear()


def take(*trials):
    return take_measures([DAMAGE], trials, None, jobs=2, console=Console(quiet=True))


def complete(root, seed, **more):
    trial = Trial(root=root, spec=replace(TINY, {"seed": seed}))
    write_result(trial, FIGURES | more)
    return trial


def test_every_complete_network_is_measured_once(tmp_path):
    one, two = complete(tmp_path, 0), complete(tmp_path, 1)
    missing = Trial(root=tmp_path, spec=replace(TINY, {"seed": 2}))
    assert take(one, two, missing) == [one, two]
    assert metrics_of([DAMAGE], two) == {METRIC: 1.0, "lesion/worst": 7.0}
    assert metrics_of([DAMAGE], missing) == {}
    assert take(one, two, missing) == []
    kept = json.loads((one.folder / "damage.json").read_text())
    (one.folder / "damage.json").write_text(json.dumps(kept | {"model_sha256": "another network's"}))
    assert take(one, two) == [one]


def test_a_file_of_an_earlier_version_counts(tmp_path):
    one = complete(tmp_path, 0)
    (one.folder / "damage.json").write_text(json.dumps({METRIC: 3.0}))
    assert take(one) == []
    assert metrics_of([DAMAGE], one) == {METRIC: 3.0}


def test_a_measure_that_fails_is_kept_as_a_sentence_and_tried_again(tmp_path):
    odd = complete(tmp_path, 9)
    take(odd)
    assert list(failures_of([DAMAGE], [odd])) == [(DAMAGE, odd, "ValueError: no blocks")]
    assert metrics_of([DAMAGE], odd) == {}
    assert take(odd) == [odd]
    assert taken == [odd.name] * 2


def test_a_measure_is_in_the_json_the_report_the_figure_and_mlflow(store_folder, capsys):
    study = dataclasses.replace(STUDY, measures=(DAMAGE,))
    assignments = ("model.depth=8", "model.block.act_position=after_add")
    options = Options(out=store_folder, assignments=assignments, seeds=(0, 1, 9), json=True)
    plan = make_plan(study, options)
    launch = StudyLaunch(
        plan=plan,
        options=options,
        mode=make_mode(plan, options),
        device="cpu",
        jobs=1,
        make_executor=lambda **_: FakeExecutor(),
    )
    launch.run()
    printed = json.loads(capsys.readouterr().out)
    assert [row["mean"] for row in printed["damage"]] == [0.5, 2.5]
    assert printed["damage"][1]["difference"] == 2.0
    assert len(printed["table"]) == 2
    folder = store_folder / "reports" / plan.title
    page = (folder / "report.md").read_text().replace("\\", "")
    assert "## Damage" in page
    assert METRICS[METRIC].header in page
    assert "ValueError: no blocks" in page
    assert "difference: points above (+) or below (-)" in page
    assert all((folder / f"damage.{ending}").exists() for ending in ("png", "svg", "csv", "json"))
    assert [row.get(METRIC) for row in json.loads((folder / "runs.json").read_text())] == [
        0.0,
        1.0,
        None,
        2.0,
        3.0,
        None,
    ]
    logged = {run["tags"]["seed"] + run["tags"]["arm"]: run["metrics"] for run in read_runs(store_folder, STUDY.name)}
    assert logged["1norm=after act=after"][METRIC] == 3.0
    assert METRIC not in logged["9norm=after act=after"]
    tracker = Tracker.open(store_folder, STUDY.name)
    arms = tracker.client.search_runs([tracker.experiment_id], "tags.kind = 'arm'")
    assert {run.data.metrics[f"{METRIC}/mean"] for run in arms} == {0.5, 2.5}
    (launched,) = tracker.client.search_runs([tracker.experiment_id], "tags.kind = 'launch'")
    files = {file.path for file in tracker.client.list_artifacts(launched.info.run_id)}
    assert {"damage.json", "damage.png"} <= files
