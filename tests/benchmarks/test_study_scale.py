"""The benchmarks of cost besides training: what they run is a study, what they print fits. Nothing is timed."""

import json

import pytest

from benchmarks import fixed_cost, study_scale
from benchmarks.harness.simulated import SimulatedExecutor
from benchmarks.harness.timed_worker import PARTS, timed_functions
from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings


@pytest.mark.parametrize("trials", [4, 100, 1000, 10_000])
def test_depths_and_seeds_grow_with_the_study(trials):
    depths, seeds = study_scale.shape(trials)
    assert trials <= study_scale.ARMS * depths * seeds <= 1.1 * trials
    assert study_scale.shape(10_000) == (25, 100)


def test_two_places_take_turns_and_the_ratio_is_of_their_medians():
    options = study_scale.Options(nodes=4, turns=2)
    assert study_scale.places(options) == [study_scale.Place(), study_scale.Place(4)] * 2
    with_server = study_scale.Options(nodes=4, server="sqlite", turns=1)
    assert study_scale.places(with_server) == [study_scale.Place(4), study_scale.Place(4, "sqlite")]
    assert study_scale.places(study_scale.Options(nodes=50, dying=0.05)) == [study_scale.Place(50)]
    rows = [
        {"nodes": nodes, "server": 0.0, "trials": 100.0, "trial_ms": ms, "trial_cpu_ms": ms}
        for nodes, ms in ((0.0, 10.0), (4.0, 12.0), (0.0, 30.0), (4.0, 24.0))
    ]
    found = study_scale.summary(rows)
    assert found["other_place_to_first"] == {"100": {"trial_ms": 0.9, "trial_cpu_ms": 0.9}}
    assert "0.90" in study_scale.text_of(found)


def test_a_simulated_trial_is_complete_once_waited_for(tmp_path):
    settings = WorkerSettings(data_dir=None, device="cpu", environment={"git_sha": "abc"})
    executor = SimulatedExecutor(slots=2, settings=settings, threads=1)
    trial = Trial(root=tmp_path, spec=replace(RunSpec(), {"data.name": "digits"}))
    executor.submit(trial)
    assert trial.result() is None
    assert [ended.trial for ended in executor.wait(0)] == [trial]
    assert trial.result()["val/error"] == trial.history()[-1]["val/error"]
    assert trial.environment()["git_sha"] == "abc"
    assert executor.wait(0) == []


def test_every_function_that_is_timed_exists():
    functions = timed_functions()
    assert functions.keys() < set(PARTS)
    assert all(callable(getattr(owner, name)) for named in functions.values() for owner, name in named)


def test_the_tables_fit_a_terminal():
    figures = dict.fromkeys(study_scale.COLUMNS, 12345.6)
    assert len(study_scale.head()) == len(study_scale.line(figures)) <= 80
    parts = dict.fromkeys(PARTS, 0.1234)
    result = {"wall_s": parts, "cpu_s": parts, "fixed_wall_s": 0.4, "fixed_cpu_s": 0.3, "first_fixed_wall_s": 1.0}
    lines = fixed_cost.table(json.loads(json.dumps(result | {"limit_s": 0.5}))).splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.startswith(fixed_cost.WORK) for line in lines)


def test_an_option_out_of_range_is_refused():
    with pytest.raises(UserError, match="--trials 1"):
        fixed_cost.Options(trials=1)
    with pytest.raises(UserError, match="--trials 100 3"):
        study_scale.Options(trials=(100, 3))
    with pytest.raises(UserError, match="--dying a share"):
        study_scale.Options(nodes=4, dying=2.0)
