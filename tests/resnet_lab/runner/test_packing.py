"""Packing: sizes measured under a run's conditions, remembered, and weighed; the measurement is a stand-in."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
import torch

from resnet_lab.runner.fleet.placement import place
from resnet_lab.runner.packed_executor import PackedExecutor, PackProcess
from resnet_lab.runner.packing import Packing, best_count, find_packing, measured_rates, size_of
from resnet_lab.runner.resources import resources
from resnet_lab.spec.choices import Kernels
from resnet_lab.spec.fields import replace
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY

SETTINGS = WorkerSettings(data_dir=None, device="cuda", environment={}, compiled=True, kernels=Kernels.TORCH)
SMALL, LARGE = TINY, replace(TINY, {"model.depth": 20})
RATES = {8: {1: 100.0, 2: 190.0, 3: 280.0, 4: 281.0}, 20: {1: 50.0, 2: 51.0}}


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """A GPU that seems to be here; return what is measured on it, in order."""
    measured, card = [], SimpleNamespace(name="a card", total_memory=80)

    def throughput(run, device, **conditions):
        measured.append((run.model.depth, run.recipe.precision.value, device, conditions))
        return RATES[run.model.depth]

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("resnet_lab.trials.throughput.concurrent_throughput", throughput)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    return SimpleNamespace(measured=measured, card=card)


@pytest.fixture
def forked_here(monkeypatch):
    """Have this process do what a fork of the workers' server would."""

    def submit(function, *arguments):
        future = Future()
        try:
            future.set_result(function(*arguments))
        except RuntimeError as error:
            future.set_exception(error)
        return future

    monkeypatch.setattr("resnet_lab.system.forked_call.submit", submit)
    monkeypatch.setattr("resnet_lab.runner.executor.start_server", lambda *_: None)
    monkeypatch.setattr("resnet_lab.engine.precision.resolve_device", torch.device)


@pytest.mark.parametrize(
    ("found", "best"),
    [
        ({}, 1),
        ({1: 100}, 1),
        ({1: 100, 2: 190, 3: 290, 4: 360, 6: 365}, 4),
        ({1: 100, 2: 103}, 1),
        ({1: 100, 2: 190, 3: 150}, 2),
    ],
)
def test_the_fewest_that_come_near_the_best_are_chosen(found, best):
    assert best_count(found) == best


def test_rates_are_measured_under_the_conditions_of_the_run_and_remembered_by_them(gpu):
    def again(run, settings=SETTINGS):
        before = len(gpu.measured)
        assert measured_rates([run], settings) == [RATES[run.model.depth]]
        return len(gpu.measured) > before

    assert again(SMALL)
    assert gpu.measured == [(8, "auto", "cuda", {"compiled": True, "kernels": Kernels.TORCH})]
    assert not again(SMALL)
    assert not again(replace(SMALL, {"recipe.lr": 0.01, "seed": 4}))
    assert again(LARGE)
    for field, value in (("recipe.precision", "bf16"), ("recipe.batch_size", 8), ("data.name", "mnist")):
        assert again(replace(SMALL, {field: value})), field
    assert again(SMALL, WorkerSettings(data_dir=None, device="cuda", environment={}))
    gpu.card.name = "another card"
    assert again(SMALL)


def test_what_cannot_be_measured_is_not_remembered_and_does_not_hurt_the_others(gpu, monkeypatch, capsys):
    def failing(run, *_, **__):
        if run.model.depth == 20:
            raise RuntimeError("no kernel image")
        return RATES[8]

    monkeypatch.setattr("resnet_lab.trials.throughput.concurrent_throughput", failing)
    assert measured_rates([LARGE, SMALL], SETTINGS) == [{}, RATES[8]]
    assert "RuntimeError: no kernel image" in capsys.readouterr().err
    monkeypatch.setattr("resnet_lab.trials.throughput.concurrent_throughput", lambda *_, **__: RATES[20])
    assert measured_rates([LARGE], SETTINGS) == [RATES[20]]
    assert not gpu.measured


@pytest.mark.usefixtures("forked_here")
def test_each_size_is_measured_once_and_told_in_a_line(gpu, capsys):
    cells = [SMALL, LARGE, replace(SMALL, {"model.block.shortcut": "B"})]
    packing = find_packing(cells, SETTINGS)
    assert sorted(depth for depth, *_ in gpu.measured) == [8, 20]
    assert packing.counts == {size_of(SMALL): 3, size_of(LARGE): 1}
    assert (packing.slots, packing.least) == (3, 1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert sum(line.startswith(f"--jobs auto: 3 trials at once of {size_of(SMALL)} (images/s") for line in lines) == 1


@pytest.mark.usefixtures("forked_here")
def test_where_nothing_can_be_measured_trials_run_one_at_a_time(monkeypatch, capsys):
    def dies(*_):
        raise RuntimeError("ended without an answer")

    monkeypatch.setattr("resnet_lab.runner.packing.measured_rates", dies)
    asked = {"jobs": "auto", "data_dir": None, "compile": False, "deterministic": False, "kernels": Kernels.AUTO}
    assert resources(SimpleNamespace(device="cuda", **asked), [TINY])[:2] == ("cuda", 1)
    assert "one at a time" in capsys.readouterr().err
    alone = SimpleNamespace(device="cuda", devices=None, cluster=None, **asked)
    assert place(alone, [TINY]).make_executor.keywords["packing"].slots == 1


def test_shares_decide_who_starts_and_one_trial_always_has_room(tmp_path, monkeypatch):
    packing = Packing(counts={size_of(SMALL): 3, size_of(LARGE): 2})
    executor = PackedExecutor(slots=packing.slots, settings=SETTINGS, threads=1, packing=packing)
    pack = PackProcess(shared=(TINY.data, False), process=None, line=SimpleNamespace(send=lambda _: None))
    monkeypatch.setattr(executor, "_open", lambda _: executor._packs.append(pack) or pack)
    small = [Trial(root=tmp_path, spec=replace(SMALL, {"seed": seed})) for seed in range(4)]
    large = [Trial(root=tmp_path, spec=replace(LARGE, {"seed": seed})) for seed in range(2)]
    unknown = Trial(root=tmp_path, spec=replace(LARGE, {"model.depth": 14}))
    executor.submit(large[0])
    assert all(executor.has_room(trial) for trial in (*small, large[1], unknown))
    executor.submit(small[0])
    assert executor.has_room(small[1]) is False  # 1/2 + 1/3 + 1/3
    del pack.running[large[0].name]
    executor.submit(small[1])
    assert (executor.has_room(small[2]), executor.has_room(unknown)) == (True, False)
    executor.lower_slots(small[1].name)
    assert (executor.slots, executor.has_room(small[2])) == (2, False)
    pack.running.clear()
    assert executor.has_room(large[1])
