"""The contract of executors, over all of them: the driver relies on nothing else."""

import time

import pytest

from benchmarks.harness.simulated import SimulatedExecutor
from benchmarks.harness.simulated_cluster import SimulatedCluster
from resnet_lab.runner.executor import LocalExecutor
from resnet_lab.runner.fleet.cluster_executor import ClusterExecutor
from resnet_lab.runner.fleet.fleet import Fleet
from resnet_lab.runner.packed_executor import PackedExecutor
from resnet_lab.spec.fields import replace
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY
from tests.studies.fakes import FakeExecutor

SETTINGS = WorkerSettings(data_dir=None, device="cpu", environment={})
EXECUTORS = {
    "fake": lambda: FakeExecutor(slots=2),
    "simulated": lambda: SimulatedExecutor(slots=2, settings=SETTINGS, threads=1),
    "local": lambda: LocalExecutor(slots=2, settings=SETTINGS, threads=1),
    "fleet": lambda: Fleet({"only": LocalExecutor(slots=2, settings=SETTINGS, threads=1)}),
    "cluster": lambda: ClusterExecutor(SimulatedCluster.of(2), jobs=1, settings=SETTINGS, threads=1),
    "packed": lambda: PackedExecutor(slots=2, settings=SETTINGS, threads=1),
}


@pytest.fixture(params=EXECUTORS)
def executor(request):
    made = EXECUTORS[request.param]()
    yield made
    made.cancel()


@pytest.fixture
def trials(tmp_path):
    return [Trial(root=tmp_path, spec=replace(TINY, {"seed": seed})) for seed in range(3)]


def ends(executor, count):
    """Wait for that many exits."""
    exits, deadline = [], time.monotonic() + 120
    while len(exits) < count:
        assert time.monotonic() < deadline
        exits += executor.wait(0.5)
    return exits


def test_trials_end_once_each_with_a_result_and_leave_their_slot(executor, trials):
    assert executor.slots == 2
    for trial in trials[:2]:
        executor.submit(trial)
    exits = ends(executor, 2)
    executor.submit(trials[2])
    exits += ends(executor, 1)
    assert sorted(each.trial.name for each in exits) == sorted(trial.name for trial in trials)
    assert [each.code for each in exits] == [0, 0, 0]
    assert all(trial.result() is not None and trial.failure() is None for trial in trials)


def test_waiting_for_nothing_returns_nothing(executor):
    assert executor.wait(0) == []


def test_what_was_stopped_ends_once_and_what_was_cancelled_never(executor, trials):
    executor.submit(trials[0])
    executor.submit(trials[1])
    executor.stop(trials[0].name)
    exits = ends(executor, 2)
    assert sorted(each.trial.name for each in exits) == sorted(trial.name for trial in trials[:2])
    assert trials[0].failure() is None
    assert trials[1].result() is not None
    executor.stop(trials[0].name)  # it has ended
    executor.submit(trials[2])
    executor.cancel()
    assert executor.wait(0) == []
    executor.submit(trials[2])  # its slot is free, and the name may be used again
    assert [each.trial.name for each in ends(executor, 1)] == [trials[2].name]
