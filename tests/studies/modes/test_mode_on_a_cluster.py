"""Each mode on a simulated cluster of two nodes: every trial ran on one of them, and none twice."""

from collections import Counter

import pytest

from benchmarks.harness.simulated_cluster import HostingAgent, SimulatedCluster
from resnet_lab.runner.fleet.cluster_executor import ClusterExecutor
from resnet_lab.runner.fleet.placement import on_cluster
from resnet_lab.tracking import read_runs
from studies.bn_placement import STUDY
from studies.cli import launch
from studies.plan.options import Algorithm, Options, Pruner

MODES = {
    "all arms": {},
    "search": {"search": Algorithm.RANDOM, "trials": 5, "pruner": Pruner.NONE},
    "tune": {"tune": True, "tune_trials": 2},
    "until decided": {"until_decided": True, "max_seeds": 3, "margin": 50.0},
}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_runs_on_a_cluster(store_folder, monkeypatch, mode):
    cluster, executors = SimulatedCluster.of(2, make_agent=lambda _: HostingAgent()), []
    monkeypatch.setattr(launch, "place", lambda options, _: on_cluster(cluster, options))
    init = ClusterExecutor.__init__
    monkeypatch.setattr(
        ClusterExecutor, "__init__", lambda self, *a, **k: (executors.append(self), init(self, *a, **k))[1]
    )
    small = ("model.depth=8", "model.block.act_position=none")
    options = Options(out=store_folder, cluster="10.0.0.1:6379", seeds=(0, 1), assignments=small, **MODES[mode])
    assert launch.launch(STUDY, options) == 0
    runs = read_runs(store_folder, STUDY.name)
    assert set(Counter(run["tags"]["trial"] for run in runs).values()) == {1}
    assert {executors[0].place_of(run["tags"]["trial"]) for run in runs} == {"node n1", "node n2"}
    assert not executors[0].places(), "the nodes are left at the end"
