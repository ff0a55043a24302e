"""Real Ray clusters on this machine, without a shared disk: nodes and agents are killed, frozen, and join.

`make test-ray` runs them; without ray they are skipped.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from resnet_lab.runner.fleet.cluster_executor import ClusterExecutor, Patience
from resnet_lab.spec.fields import replace
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("one_thread")]  # as the workers are

SETTINGS = WorkerSettings(data_dir=None, device="cpu", environment={})
EPOCHS = 100
LONG = replace(TINY, {"recipe.iterations": 4 * EPOCHS})


class Apart(ClusterExecutor):
    """Nodes whose disks the driver does not share."""

    def _probe_in(self, root):  # noqa: ARG002  # the executor's
        return "unseen"


@pytest.fixture(scope="module")
def cluster():
    """A cluster of a head that trains nothing, and two nodes of one core, which ask for a token."""
    if find_spec("ray") is None:
        pytest.skip("ray is not installed: pip install -e '.[ray]'")
    variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_worker_niceness": "0"}
    variables |= {"RAY_USAGE_STATS_ENABLED": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster  # ray reads them when it is imported

        args = {"num_cpus": 0, "include_dashboard": False, "node_ip_address": "127.0.0.1"}
        made = Cluster(initialize_head=True, head_node_args=args)
        for _ in range(2):
            made.add_node(num_cpus=1, node_ip_address="127.0.0.1")
        yield made
        import ray

        ray.shutdown()
        made.shutdown()


@pytest.fixture
def executor(cluster):
    from resnet_lab.runner.fleet.ray_cluster import RayCluster

    patience = Patience(start=120.0, again=1.0)
    made = Apart(
        RayCluster.connect(cluster.address), jobs=1, settings=SETTINGS, threads=1, runs=[LONG], patience=patience
    )
    yield made
    made.close()


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
    waiting, exits, deadline = list(trials), [], time.monotonic() + 240
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


def alone(trial, folder):
    same = Trial(root=folder, spec=trial.spec)
    assert run_trial(same, SETTINGS)
    return same.result()["sha256"]


def lose(executor, trials, member, harm, tmp_path):
    """Harm a member with a trial in mid-run; return how long it took to notice, once all is complete and equal."""
    until(executor, lambda _: any(trial.history() for trial, _ in member.running.values()), trials)
    names = set(member.running)
    assert names
    harmed = time.monotonic()
    harm()
    exits = until(executor, bool)
    noticed = time.monotonic() - harmed
    assert {each.trial.name for each in exits if each.lost} == names
    until(executor, complete(trials), [each.trial for each in exits])
    assert [trial.result()["sha256"] for trial in trials] == [alone(trial, tmp_path / "alone") for trial in trials]
    return noticed


def test_an_agent_that_is_killed_is_replaced_and_the_bits_are_those_of_one_machine(executor, trials, tmp_path, say):
    member = executor._members[0]
    noticed = lose(executor, trials, member, lambda: os.kill(member.description.pid, signal.SIGKILL), tmp_path)
    say(f"agent killed: noticed after {noticed:.1f} s")
    until(executor, lambda _: executor.slots == 2)


def test_a_frozen_agent_is_given_up(executor, trials, tmp_path, say):
    member = executor._members[0]
    noticed = lose(executor, trials, member, lambda: os.kill(member.description.pid, signal.SIGSTOP), tmp_path)
    say(f"agent frozen: noticed after {noticed:.1f} s")


def test_a_node_that_joins_is_used_and_one_that_is_killed_is_not_missed(cluster, executor, trials, tmp_path, say):
    node = cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    until(executor, lambda _: executor.slots == 3)
    joined = next(member for member in executor._members if member.seat.node.id == node.node_id)
    busy = [executor._members[0], joined]
    for member in executor._members:
        if member not in busy:
            member.slots = 0
    noticed = lose(executor, trials, joined, lambda: cluster.remove_node(node, allow_graceful=False), tmp_path)
    say(f"node killed: noticed after {noticed:.1f} s")
    assert node.node_id not in {member.seat.node.id for member in executor._members}


def test_a_client_without_the_token_is_refused(cluster):
    code = f"from ray._raylet import GcsClient; print(GcsClient(address={cluster.address!r}).get_all_node_info())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["RAY_AUTH_MODE"] = "disabled"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode != 0
    assert "InvalidAuthToken" in done.stderr
