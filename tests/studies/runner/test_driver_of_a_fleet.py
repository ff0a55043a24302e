"""The driver of a fleet: lost nodes are not charged and are capped, and a fleet without slots is waited for."""

from collections import Counter

import pytest

from resnet_lab.outcomes import MAX_LOSSES, Reason
from resnet_lab.runner.executor import Exit
from resnet_lab.tracking import read_runs
from resnet_lab.trials.worker_settings import FAILED
from studies.bn_placement import STUDY
from studies.plan.options import Options
from studies.plan.plan import make_plan, trials_of
from studies.runner.optuna_store import OptunaStore
from tests.studies.fakes import FakeExecutor


class LossyExecutor(FakeExecutor):
    """Loses the node of a trial as often as `losses` says for its name; then has no slots for three waits."""

    def __init__(self, losses, **options):
        super().__init__(**options)
        self.losses, self.pauses, self.size, self.told = Counter(losses), 0, self.slots, []

    def wait(self, timeout):
        if self.pauses:
            self.pauses -= 1
            self.slots = 0 if self.pauses else self.size
            return []
        lost = [trial for trial in self.running.values() if self.losses[trial.name]]
        for trial in lost:
            self.losses[trial.name] -= 1
            del self.running[trial.name]
        if lost and not self.running:
            self.pauses, self.slots = 3, 0
        return [Exit(trial=each, code=FAILED, lost="node n1 was lost") for each in lost] or super().wait(timeout)

    def place_of(self, name):
        return f"node of {name}"

    def news(self):
        self.told.append(dict(self.running))
        return ["node n2: 1 trial at once"]


@pytest.fixture
def plan():
    return make_plan(STUDY, Options(seeds=(0,), assignments=("model.depth=8", "model.block.act_position=none")))


def test_a_trial_whose_nodes_are_lost_goes_on_uncharged(plan, drive, store_folder):
    trials = trials_of(plan, store_folder)
    executor = LossyExecutor({trials[0].name: 5})
    drive(plan, executor)
    assert all(trial.result() is not None for trial in trials)
    store = OptunaStore.open(store_folder, plan.study.name)
    assert [store.failures(trial) for trial in trials] == [0] * len(trials)
    assert executor.started[trials[0].name] == 6
    runs = [run for run in read_runs(store_folder, plan.study.name) if run["tags"]["trial"] == trials[0].name]
    assert Counter(run["status"] for run in runs) == {"FAILED": 5, "FINISHED": 1}


def test_ten_lost_nodes_are_enough(plan, drive, store_folder):
    trials = trials_of(plan, store_folder)
    executor = LossyExecutor({trials[0].name: 1000}, slots=1)
    drive(plan, executor)
    assert executor.started[trials[0].name] == MAX_LOSSES + 1
    outcome = trials[0].outcome()
    assert (outcome.reason, outcome.sentence) == (Reason.NODE_LOST, "node n1 was lost")
    assert all(trial.result() is not None for trial in trials[1:])
    again = FakeExecutor()
    drive(plan, again)
    assert list(again.started) == [trials[0].name], "the next launch tries it again"


def test_the_loop_outlives_a_fleet_without_slots(plan, drive, store_folder):
    trials = trials_of(plan, store_folder)
    executor = LossyExecutor(dict.fromkeys((trial.name for trial in trials), 1), slots=len(trials))
    drive(plan, executor)
    assert all(trial.result() is not None for trial in trials)
    assert executor.told, "what happened to the fleet was asked for"
