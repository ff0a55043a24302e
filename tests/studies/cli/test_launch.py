"""One launch with a fake executor: the plan is frozen before the first trial, logged, and stated on the page."""

import json

import pytest

from analysis.report.write import write_report
from analysis.results.analysis_plan import FILE, HISTORY, read_plans
from resnet_lab.errors import RefusedError, UserError
from resnet_lab.system.environment import training_code
from resnet_lab.tracking import Tracker
from studies.audit.network_facts import networks_of
from studies.bn_placement import STUDY
from studies.cli.launch import StudyLaunch
from studies.cli.launch import launch as launch_study
from studies.modes.mode import make_mode
from studies.plan.options import Options
from studies.plan.plan import make_plan
from tests.studies.fakes import FakeExecutor


@pytest.fixture
def launch(store_folder):
    """Launch a tiny study with fake trials; return the report's folder. At its first trial a plan must be frozen."""

    def run(*, code=None, **options):
        asked = Options(
            out=store_folder, assignments=("model.depth=8", "model.block.act_position=after_add"), **options
        )
        plan = make_plan(STUDY, asked)
        folder = store_folder / "reports" / plan.title

        def error(spec):
            assert (folder / FILE).exists()
            return 5.0 + spec.seed + (spec.model.block.norm_position == "after_add")

        StudyLaunch(
            plan=plan,
            options=asked,
            mode=make_mode(plan, asked),
            device="cpu",
            jobs=1,
            make_executor=lambda **_: FakeExecutor(error, code=code),
        ).run()
        return folder

    return run


def logged(store_folder):
    """The names of the plans' files among the artifacts of each launch."""
    tracker = Tracker.open(store_folder, STUDY.name)
    runs = tracker.client.search_runs([tracker.experiment_id], "tags.kind = 'launch'", order_by=["start_time ASC"])
    files = [{file.path for file in tracker.client.list_artifacts(run.info.run_id)} for run in runs]
    return [sorted(names & {FILE, HISTORY}) for names in files]


def page(folder):
    return " ".join((folder / "report.md").read_text().replace("\\", "").split())


@pytest.mark.usefixtures("undrawn")
def test_the_plan_is_frozen_logged_and_compared(launch, store_folder):
    folder = launch(seeds=(0, 1), name="mine")
    first = (folder / FILE).read_bytes()
    assert read_plans(folder).first.results == 0
    assert f"Analysis plan: as planned on {read_plans(folder).first.frozen}" in page(folder)
    launch(seeds=(0, 1, 2), margin=0.5, name="mine")
    assert (folder / FILE).read_bytes() == first
    assert "| seeds | 0, 1 | 0, 1, 2 | 4 |" in page(folder)
    assert "| margin | 0.0 | 0.5 | 4 |" in page(folder)
    assert logged(store_folder) == [[FILE], [HISTORY, FILE]]

    content = json.loads((folder / FILE).read_text())
    content["plan"]["seeds"] = [0, 1, 2]
    (folder / FILE).write_text(json.dumps(content))
    write_report(folder)
    assert "The digest does not fit" in page(folder)


@pytest.mark.usefixtures("undrawn")
def test_a_plan_that_cannot_be_read_is_kept_aside_and_todays_is_frozen(launch, store_folder, capsys):
    folder = store_folder / "reports" / "bn_placement-quick-digits-act_positionafter_add-depth8-seeds0-1"
    folder.mkdir(parents=True)
    (folder / FILE).write_text("[]")
    assert launch(seeds=(0, 1)) == folder
    assert "is damaged: set aside as analysis_plan.json.damaged" in capsys.readouterr().out
    assert (folder / f"{FILE}.damaged").read_text() == "[]"
    assert read_plans(folder).first.is_intact


def test_a_plan_whose_networks_cannot_be_built_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    def refused(networks):
        return dict.fromkeys(networks, "the network cannot be built: too small")

    monkeypatch.setattr("studies.audit.network_facts.start_measuring", lambda plan: lambda: refused(networks_of(plan)))
    monkeypatch.setattr(StudyLaunch, "_executor", lambda *_: FakeExecutor())
    with pytest.raises(RefusedError, match="too small"):
        launch_study(STUDY, Options(out=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("undrawn")
def test_versions_that_would_mix_are_said_and_fresh_trains_them_again_by_todays_code(launch, store_folder, capsys):
    def printed():
        return " ".join(capsys.readouterr().out.split())

    folder = launch(code="0" * 64, seeds=(0, 1), name="mine")
    assert "versions:" not in printed()
    launch(code=training_code(), seeds=(0, 1, 2), name="mine")
    mixed = "this study mixes versions of the code: 4 trials by 000000000000; 2 are still to be trained by today's"
    assert mixed in printed()
    today = training_code()[:12]
    assert (
        f"WARNING: this study mixes versions of the code that trains: 4 trials by 000000000000, 2 by {today}."
        in page(folder)
    )
    launch(code=training_code(), seeds=(0, 1, 2), name="mine", fresh=True)
    assert "--fresh: 4 trials of other code to be trained by today's, set aside in" in printed()
    assert len(list((store_folder / "superseded").glob("*/result.json"))) == 4
    assert len(list((store_folder / "trials").glob("*/result.json"))) == 6
    assert "mixes versions" not in page(folder)


def test_a_search_is_not_made_fresh():
    with pytest.raises(UserError, match="give another --out"):
        Options(search="tpe", fresh=True)
