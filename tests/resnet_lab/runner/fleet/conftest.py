"""Simulated clusters whose agents hold fake executors: nodes are lost, freeze, join, and lose answers."""

import tempfile

import pytest

from benchmarks.harness.simulated_cluster import SimulatedCluster
from resnet_lab.runner.fleet.agent import Agent
from resnet_lab.runner.fleet.cluster_executor import ClusterExecutor
from resnet_lab.runner.fleet.recruiter import Patience
from resnet_lab.spec.fields import replace
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY
from tests.studies.fakes import FakeExecutor

QUICK = Patience(poll=0.05, start=0.5, stop=0.2, look=0.0, again=0.0)
SETTINGS = WorkerSettings(data_dir=None, device="cpu", environment={"git_sha": "abc"})


class FakeAgent(Agent):
    """An agent with a fake executor of two epochs a trial; without a disk that the driver sees, unless it `shares`."""

    shares = False

    def open(self, order):
        self._executor = FakeExecutor(epochs=2, slots=order.cpus)
        return order.cpus

    def submit(self, spec, attempt, root, probe, files):
        super().submit(spec, attempt, root, probe if self.shares else "unseen", files)


class SharingAgent(FakeAgent):
    shares = True


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """Agents put their folders among the temporary ones, and those of killed agents stay for a while."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def trials(tmp_path):
    return [Trial(root=tmp_path / "trials", spec=replace(TINY, {"seed": seed})) for seed in range(6)]


@pytest.fixture
def make_cluster():
    """Make a cluster of equal nodes n1, n2, ... with fake agents."""

    def make(count, *, agent=FakeAgent, **options):
        return SimulatedCluster.of(count, make_agent=lambda _: agent(), **options)

    return make


@pytest.fixture
def make_executor():
    """Make the executor of a cluster, of little patience; it is closed at the end."""
    made = []

    def make(cluster, **options):
        arguments = {"jobs": "auto", "settings": SETTINGS, "threads": 1, "patience": QUICK} | options
        made.append(ClusterExecutor(cluster, **arguments))
        return made[-1]

    yield make
    for each in made:
        each.close()
