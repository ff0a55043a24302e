"""Real Ray clusters on this machine, without a shared disk: nodes and agents are killed, frozen, and join.

`make test-ray` runs them; without ray they are skipped.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace as replaced

import pytest

from resnet_lab.runner.fleet.cluster_executor import ClusterExecutor
from resnet_lab.runner.fleet.recruiter import Patience
from resnet_lab.spec.fields import replace
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.ray_clusters import NEAR, cluster_of, far_host
from tests.specs import TINY

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("one_thread")]  # as the workers are

SETTINGS = WorkerSettings(data_dir=None, device="cpu", environment={})
EPOCHS = 60
LONG = replace(TINY, {"recipe.iterations": 4 * EPOCHS})


class Apart(ClusterExecutor):
    """Nodes whose disks the driver does not share."""

    def _probe_in(self, root):  # noqa: ARG002  # the executor's
        return "unseen"


@pytest.fixture(scope="module")
def host():
    """A far host, or None where none can be made."""
    with far_host() as made:
        yield made


@pytest.fixture(scope="module")
def cluster(host):
    """Two nodes of one core, at an address that the far host reaches."""
    with cluster_of(2, ip=host.ip if host else NEAR) as made:
        yield made


@pytest.fixture
def executor(cluster):
    with executor_of(cluster, Apart) as made:
        yield made


@contextmanager
def executor_of(cluster, kind=ClusterExecutor, run=LONG, data_dir=None):
    from resnet_lab.runner.fleet.ray_cluster import RayCluster

    settings, patience = replaced(SETTINGS, data_dir=data_dir), Patience(start=120.0, again=1.0)
    connected = RayCluster.connect(cluster.address)
    made = kind(connected, jobs=1, settings=settings, threads=1, runs=[run], patience=patience)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def join(cluster, host, tmp_path_factory):
    """Have the far host join an executor's cluster with an empty cache, without folders that it does not see."""
    if host is None:
        pytest.skip("a far host needs root and network namespaces")
    cache = tmp_path_factory.mktemp("cache")

    def run(executor, *hidden):
        near = {member.seat.key for member in executor._members}
        host.join(cluster.address, cache=cache, hidden=hidden)
        until(executor, lambda _: len(executor._members) == len(near) + 1)
        return next(member for member in executor._members if member.seat.key not in near), cache

    yield run
    host.leave()


@pytest.fixture
def say(capsys):
    """Print a time to notice, which `make test-ray` shows."""

    def show(text):
        with capsys.disabled():
            print(f"\n{text}")

    return show


@pytest.fixture
def trials(tmp_path):
    return [Trial(root=tmp_path / "trials", spec=replace(LONG, {"seed": seed})) for seed in range(2)]


def until(executor, condition, trials=()):
    """Run until the condition holds; lost trials are submitted again. Return the exits."""
    waiting, exits, deadline = list(trials), [], time.monotonic() + 300
    while not condition(exits):
        assert time.monotonic() < deadline, (exits, executor.news())
        while waiting and executor.slots > sum(len(member.running) for member in executor._members):
            executor.submit(waiting.pop())
        ended = executor.wait(0.5)
        waiting += [each.trial for each in ended if each.lost]
        exits += ended
    return exits


def complete(trials):
    return lambda _: all(trial.result() is not None for trial in trials)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Return the SHA-256 of the weights that a run has on one machine."""
    folder, known = tmp_path_factory.mktemp("alone"), {}

    def run(trial, data_dir=None):
        if trial.name not in known:
            same = Trial(root=folder, spec=trial.spec)
            assert run_trial(same, replaced(SETTINGS, data_dir=data_dir))
            known[trial.name] = same.result()["sha256"]
        return known[trial.name]

    return run


def lose(executor, trials, member, harm, alone):
    """Harm a member with a trial in mid-run; return how long it took to notice, once all is complete and equal."""
    until(executor, lambda _: any(trial.history() for trial, _ in member.running.values()), trials)
    names = set(member.running)
    assert names
    harmed = time.monotonic()
    harm()
    exits = until(executor, lambda exits: any(each.lost for each in exits))
    noticed = time.monotonic() - harmed
    assert {each.trial.name for each in exits if each.lost} == names
    until(executor, complete(trials), [each.trial for each in exits if each.lost])
    assert [trial.result()["sha256"] for trial in trials] == [alone(trial) for trial in trials]
    return noticed


def only(executor, *members):
    """Have the other members take no trials."""
    for member in executor._members:
        if member not in members:
            member.slots = 0


def test_an_agent_that_is_killed_is_replaced_and_the_bits_are_those_of_one_machine(executor, trials, alone, say):
    member = executor._members[0]
    noticed = lose(executor, trials, member, lambda: os.kill(member.description.pid, signal.SIGKILL), alone)
    say(f"agent killed: noticed after {noticed:.1f} s")
    until(executor, lambda _: executor.slots == 2)


def test_a_frozen_agent_is_given_up(executor, trials, alone, say):
    member = executor._members[0]
    noticed = lose(executor, trials, member, lambda: os.kill(member.description.pid, signal.SIGSTOP), alone)
    say(f"agent frozen: noticed after {noticed:.1f} s")


def test_a_node_that_joins_is_used_and_one_that_is_killed_is_not_missed(cluster, executor, trials, alone, say):
    node = cluster.add_node(num_cpus=1, node_ip_address=cluster.address.rpartition(":")[0])
    until(executor, lambda _: executor.slots == 3)
    joined = next(member for member in executor._members if member.seat.node.id == node.node_id)
    only(executor, executor._members[0], joined)
    noticed = lose(executor, trials, joined, lambda: cluster.remove_node(node, allow_graceful=False), alone)
    say(f"node killed: noticed after {noticed:.1f} s")
    assert node.node_id not in {member.seat.node.id for member in executor._members}


@pytest.mark.parametrize("harm", ["freeze", "cut_off"])
def test_a_far_host_that_is_frozen_or_cut_off_is_given_up(cluster, host, join, trials, tmp_path, alone, say, harm):
    """It sees nothing of the driver's disk: what its trial has done came over the network."""
    with executor_of(cluster) as executor:
        far, _ = join(executor, tmp_path)
        only(executor, executor._members[0], far)
        noticed = lose(executor, trials, far, getattr(host, harm), alone)
        say(f"host, {harm}: noticed after {noticed:.1f} s")
        assert not far.sees_disk
        assert far.seat.key not in {member.seat.key for member in executor._members}


def test_a_far_host_gets_the_data_from_the_driver_once(cluster, join, tmp_path, mnist_dir, alone):
    run = replace(TINY, {"data.name": "mnist"})
    trials = [Trial(root=tmp_path / "trials", spec=replace(run, {"seed": seed})) for seed in range(2)]
    with executor_of(cluster, run=run, data_dir=mnist_dir) as executor:
        far, cache = join(executor, tmp_path, mnist_dir)
        only(executor, far)
        until(executor, complete(trials), trials)
        assert not far.sees_disk
    assert [trial.result()["sha256"] for trial in trials] == [alone(trial, mnist_dir) for trial in trials]
    kept = {path.name for path in cache.rglob("*.gz")}
    assert kept == {path.name for path in (mnist_dir / "MNIST" / "raw").glob("*.gz")}


def test_a_client_without_the_token_is_refused(cluster):
    code = f"from ray._raylet import GcsClient; print(GcsClient(address={cluster.address!r}).get_all_node_info())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["RAY_AUTH_MODE"] = "disabled"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode != 0
    assert "InvalidAuthToken" in done.stderr


STARTED_HERE = """
import json, psutil
from resnet_lab.runner.fleet.ray_cluster import RayCluster
RayCluster.connect("auto")
import ray
from ray._common.usage.usage_lib import usage_stats_enabled
processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
listening = {each.laddr.ip for process in processes for each in process.net_connections() if each.status == "LISTEN"}
dashboard = ray._private.worker.global_worker.node.webui_url
print(json.dumps({"listening": sorted(listening), "usage": usage_stats_enabled(), "dashboard": dashboard}))
"""


@pytest.mark.usefixtures("cluster")
def test_a_cluster_that_is_started_here_listens_on_loopback_alone_and_reports_to_nobody(tmp_path):
    """Another user's cluster may run on this machine: one that does not take our token is not ours."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", STARTED_HERE], env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(address.endswith(("127.0.0.1", "::1")) for address in found["listening"])
    assert (found["usage"], found["dashboard"]) == (False, "")
    assert (tmp_path / ".ray" / "auth_token").stat().st_mode & 0o077 == 0
