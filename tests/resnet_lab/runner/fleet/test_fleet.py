"""A fleet of executors on one machine: who gets a trial, and that all of them are waited for at once."""

import pytest

from resnet_lab.runner.executor import LocalExecutor
from resnet_lab.runner.fleet.fleet import Fleet
from resnet_lab.spec.fields import replace
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY
from tests.studies.fakes import FakeExecutor


class Waited(FakeExecutor):
    """Nothing to wait for: its trials take no time."""

    def waited_for(self):
        return []


@pytest.fixture
def trials(tmp_path):
    return [Trial(root=tmp_path, spec=replace(TINY, {"seed": seed})) for seed in range(6)]


def test_slots_are_summed_and_a_trial_goes_to_the_freest(trials):
    members = {"GPU 0": Waited(slots=2), "GPU 1": Waited(slots=3)}
    fleet = Fleet(members)
    assert fleet.slots == 5
    for trial in trials[:5]:
        fleet.submit(trial)
    assert [fleet.place_of(trial.name) for trial in trials] == ["GPU 1", "GPU 0", "GPU 1", "GPU 0", "GPU 1", ""]
    assert {each.trial.name for each in fleet.wait(0)} == {trial.name for trial in trials[:5]}
    fleet.submit(trials[5])
    assert fleet.place_of(trials[5].name) == "GPU 1", "all are free again"
    assert fleet.news() == []


def test_one_trial_is_stopped_where_it_runs_and_all_are_drained(trials):
    members = {"a": Waited(slots=1), "b": Waited(slots=1)}
    fleet = Fleet(members)
    for trial in trials[:2]:
        fleet.submit(trial)
    fleet.stop(trials[1].name)
    assert (members["a"].stopped, members["b"].stopped) == ([], [trials[1].name])
    fleet.drain(3.0)
    assert [member.drained for member in members.values()] == [3.0, 3.0]
    fleet.cancel()
    assert fleet.wait(0) == []


def test_a_fleet_without_members_is_a_mistake():
    with pytest.raises(ValueError, match="at least one"):
        Fleet({})


@pytest.mark.usefixtures("one_thread")
def test_two_members_for_real_give_the_bits_of_one(tmp_path, trials):
    settings = WorkerSettings(data_dir=None, device="cpu", environment={})
    fleet = Fleet({name: LocalExecutor(slots=1, settings=settings, threads=1) for name in ("a", "b")})
    waiting, ended = trials[:3], []
    while len(ended) < 3:
        while waiting and fleet._free(max(fleet._members, key=fleet._free)):
            fleet.submit(waiting.pop())
        ended += fleet.wait(10)
    assert [each.code for each in ended] == [0, 0, 0]
    assert {fleet.place_of(trial.name) for trial in trials[:3]} == {"a", "b"}
    alone = Trial(root=tmp_path / "alone", spec=trials[0].spec)
    assert run_trial(alone, settings)
    assert trials[0].result()["sha256"] == alone.result()["sha256"]
