"""Trials on a simulated cluster: nodes that are lost, frozen, cut off, join, have other code, or no data."""

import dataclasses
import time

import pytest

from resnet_lab.data import transfer
from resnet_lab.errors import UserError
from resnet_lab.runner.fleet.recruiter import Patience
from resnet_lab.system.energy import Joules
from tests.resnet_lab.runner.fleet.conftest import QUICK, SETTINGS, FakeAgent, SharingAgent
from tests.specs import TINY


def until(executor, condition):
    """Wait for exits until the condition holds of them; return them."""
    exits, deadline = [], time.monotonic() + 30
    while not condition(exits):
        assert time.monotonic() < deadline
        exits += executor.wait(0.01)
    return exits


def ended(executor, count):
    return until(executor, lambda exits: len(exits) >= count)


@pytest.mark.parametrize("agent", [FakeAgent, SharingAgent], ids=["own disks", "shared disk"])
def test_every_trial_ends_once_with_all_its_files_at_the_driver(agent, trials, make_cluster, make_executor):
    executor = make_executor(make_cluster(2, cpus=2, agent=agent))
    assert executor.slots == 4
    for trial in trials[:4]:
        executor.submit(trial)
    assert {executor.place_of(trial.name) for trial in trials[:4]} == {"node n1", "node n2"}
    exits = ended(executor, 4)
    assert sorted(each.trial.name for each in exits) == sorted(trial.name for trial in trials[:4])
    assert all(each.code == 0 and not each.lost for each in exits)
    for trial in trials[:4]:
        assert trial.outcome().is_signed
        assert trial.result()["test/error"] == 5.0
        assert len(trial.history()) == 2
    assert executor.wait(0) == []


def test_what_travels_is_as_it_was_signed_and_needs_no_hashing(trials, make_cluster, make_executor, monkeypatch):
    executor = make_executor(make_cluster(1))
    executor.submit(trials[0])
    ended(executor, 1)
    time.sleep(0.02)  # a result's own time is later than that of the files before it
    monkeypatch.setattr("resnet_lab.trials.signature._sha256", lambda path: pytest.fail(f"{path.name} was hashed"))
    assert trials[0].result() is not None


@pytest.mark.parametrize("fault", ["dead", "frozen", "silent"])
def test_the_trials_of_a_lost_node_end_as_lost_and_go_on_elsewhere(fault, trials, make_cluster, make_executor):
    cluster = make_cluster(2)
    executor = make_executor(cluster)
    executor.submit(trials[0])
    executor.submit(trials[1])
    executor.wait(0.01)  # an epoch each
    getattr(cluster, fault).add("n1")
    exits = ended(executor, 2)
    lost = next(each for each in exits if each.lost)
    assert executor.place_of(lost.trial.name) == "node n1"
    assert lost.lost.startswith("node n1 was lost: ")
    assert len(lost.trial.history()) >= 1, "its epochs are at the driver"
    assert executor.slots == 1, "listed as alive or not, it gets none while it does not answer"
    executor.submit(lost.trial)
    assert executor.place_of(lost.trial.name) == "node n2"
    assert [each.trial for each in ended(executor, 1)] == [lost.trial]
    assert lost.trial.result() is not None
    assert any("node n1 was lost" in text for text in executor.news())


def test_all_trials_of_a_node_are_lost_once_each_however_many_calls_say_so(trials, make_cluster, make_executor):
    cluster = make_cluster(1, cpus=3)
    executor = make_executor(cluster)
    for trial in trials[:3]:
        executor.submit(trial)
    cluster.dead.add("n1")
    exits = ended(executor, 3)
    assert sorted(each.trial.name for each in exits if each.lost) == sorted(trial.name for trial in trials[:3])
    assert sum("was lost" in text for text in executor.news()) == 1


def test_a_dead_agent_on_a_living_node_is_replaced(trials, make_cluster, make_executor):
    cluster = make_cluster(1)
    executor = make_executor(cluster)
    executor.submit(trials[0])
    cluster.kill_agent("n1")
    assert [bool(each.lost) for each in ended(executor, 1)] == [True]
    until(executor, lambda _: executor.slots == 1)
    executor.submit(trials[0])
    assert ended(executor, 1)[0].code == 0
    assert len(cluster.started) == 2


def test_a_node_that_joins_is_used(trials, make_cluster, make_executor):
    cluster = make_cluster(1)
    executor = make_executor(cluster)
    executor.submit(trials[0])
    cluster.join("n2", cpus=3)
    until(executor, lambda _: executor.slots == 4)
    executor.submit(trials[1])
    assert executor.place_of(trials[1].name) == "node n2"
    assert "node n2: 3 trials at once" in executor.news()


def test_a_fleet_that_lost_every_node_waits_and_says_so_once(trials, make_cluster, make_executor):
    cluster = make_cluster(1)
    executor = make_executor(cluster)
    executor.submit(trials[0])
    cluster.dead.add("n1")
    ended(executor, 1)
    for _ in range(3):
        assert executor.wait(0.01) == []
    assert executor.slots == 0
    assert sum("no node is left" in text for text in executor.news()) == 1
    cluster.join("n2")
    until(executor, lambda _: executor.slots == 1)


def test_an_answer_that_was_lost_once_is_said_again(trials, make_cluster, make_executor):
    cluster = make_cluster(1)
    executor = make_executor(cluster, patience=Patience(poll=30.0, start=1.0, stop=0.2, look=0.0, again=0.0))
    executor.submit(trials[0])
    cluster.silent.add("n1")
    for _ in range(4):  # the trial ends meanwhile, and nobody hears it
        assert executor.wait(0.01) == []
    cluster.silent.clear()
    assert [(each.trial, each.code) for each in ended(executor, 1)] == [(trials[0], 0)]
    assert trials[0].result() is not None


def test_a_pause_of_the_driver_is_no_silence_of_the_nodes(trials, make_cluster, make_executor):
    executor = make_executor(make_cluster(1))
    executor.wait(0.01)
    time.sleep(3 * QUICK.poll)  # between two phases of a launch nobody polls
    executor.submit(trials[0])
    assert [each.lost for each in ended(executor, 1)] == [""]


def test_a_trial_that_a_node_cannot_take_is_tried_elsewhere(trials, make_cluster, make_executor):
    class Full(FakeAgent):
        def submit(self, *_):
            raise OSError(28, "No space left on device")

    executor = make_executor(make_cluster(1, agent=Full))
    executor.submit(trials[0])
    (lost,) = ended(executor, 1)
    assert lost.lost == "node n1 did not take it: [Errno 28] No space left on device"
    assert executor.slots == 1


def test_a_stopped_trial_ends_with_its_epochs_and_a_cancelled_one_never(trials, make_cluster, make_executor):
    executor = make_executor(make_cluster(2))
    executor.submit(trials[0])
    executor.submit(trials[1])
    executor.wait(0.01)
    executor.stop(trials[0].name)
    assert {each.trial.name for each in ended(executor, 2)} == {trial.name for trial in trials[:2]}
    assert len(trials[0].history()) >= 1
    executor.submit(trials[0])
    executor.cancel()
    assert executor.wait(0.01) == []
    assert not list(trials[0].root.glob(".*")), "no probe is left"


def test_a_retry_takes_the_files_along(trials, make_cluster, make_executor):
    executor = make_executor(make_cluster(1))
    trials[0].folder.mkdir(parents=True)
    (trials[0].folder / "resume.pt").write_bytes(b"state")
    (trials[0].folder / "failure.json").write_text('{"reason": "crashed"}')
    (trials[0].folder / "worker.lock").touch()
    seen = []
    member = executor._members[0].agent.agent
    real = member.submit
    member.submit = lambda *arguments: (seen.append(arguments[-1]), real(*arguments))
    executor.submit(trials[0])
    executor.wait(0.01)
    assert [set(files) for files in seen] == [{"resume.pt"}]
    assert not trials[0].failure_file.exists(), "it runs again"


def test_other_code_is_refused_with_the_remedy_and_a_late_node_is_passed_over(make_cluster, make_executor):
    class Other(FakeAgent):
        def describe(self):
            return dataclasses.replace(super().describe(), code="0" * 64)

    with pytest.raises(UserError, match=r"node n1 has other code than this machine \(000000000000.*install the same"):
        make_executor(make_cluster(1, agent=Other))
    cluster = make_cluster(1)
    executor = make_executor(cluster)
    cluster.make_agent = lambda _: Other()
    cluster.join("n2")
    for _ in range(5):
        executor.wait(0.01)
    assert executor.slots == 1
    assert sum("other code" in text for text in executor.news()) == 1


def test_a_cluster_without_a_node_to_use_is_refused(make_cluster, make_executor):
    with pytest.raises(UserError, match=r"no node to train on .*lists none"):
        make_executor(make_cluster(0))
    with pytest.raises(UserError, match="lists none"):
        make_executor(make_cluster(2), settings=dataclasses.replace(SETTINGS, device="cuda"))
    cluster = make_cluster(1)
    cluster.frozen.add("n1")
    with pytest.raises(UserError, match="node n1 cannot be used: no answer"):
        make_executor(cluster)


def test_each_gpu_of_a_node_has_an_agent(make_cluster, make_executor):
    executor = make_executor(make_cluster(2, gpus=2), settings=dataclasses.replace(SETTINGS, device="cuda"))
    assert [name for name, _, _ in executor.places()] == [f"node n{n} GPU {gpu}" for n in (1, 2) for gpu in (0, 1)]


def test_data_is_read_once_and_sent_to_the_nodes_that_lack_it(make_cluster, make_executor, monkeypatch):
    class Lacking(FakeAgent):
        taken = ()

        def has_data(self, spec, data_dir):  # noqa: ARG002  # the agent's
            return False

        def take_data(self, spec, files):  # noqa: ARG002  # the agent's
            Lacking.taken = (*Lacking.taken, files)
            return True

    read = []
    monkeypatch.setattr(transfer, "read_set", lambda *asked: read.append(asked) or {"a": b"content"})
    cluster = make_cluster(3, agent=Lacking)
    executor = make_executor(cluster, runs=[TINY])
    assert executor.slots == 3
    assert len(read) == len(cluster.shared) == 1
    assert Lacking.taken == ({"a": b"content"},) * 3


def test_energy_is_the_sum_over_the_nodes_and_none_where_any_is_unknown(make_cluster, make_executor):
    class Metered(FakeAgent):
        joules = Joules(10.0, 3.0)

        def close(self):
            super().close()
            return self.joules

    assert make_executor(make_cluster(3, agent=Metered)).close() == 39.0
    for unknown in (Joules(None), Joules(10.0, None)):
        cluster = make_cluster(2, agent=Metered)
        executor = make_executor(cluster)
        cluster.started[0].agent.joules = unknown
        assert executor.close() is None
    cuda = dataclasses.replace(SETTINGS, device="cuda")
    assert make_executor(make_cluster(2, agent=Metered, gpus=2), settings=cuda).close() == 32.0, (
        "a node's packages once"
    )
    cluster = make_cluster(2, agent=Metered)
    executor = make_executor(cluster)
    cluster.kill_agent("n2")
    executor.wait(0.01)
    assert executor.close() is None, "what the lost agent took is not known"
