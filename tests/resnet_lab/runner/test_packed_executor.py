"""Several trials in one worker process, for real: who shares a process, who is stopped, and what a kill leaves."""

import os
import signal
import time
from types import SimpleNamespace

import pytest
import torch

from resnet_lab.errors import UserError
from resnet_lab.runner.executor import LocalExecutor
from resnet_lab.runner.packed_executor import PackedExecutor, make_executor, shared_by
from resnet_lab.runner.resources import resources
from resnet_lab.spec.choices import Kernels
from resnet_lab.spec.fields import replace
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY

pytestmark = pytest.mark.usefixtures("one_thread")  # as the workers are

SETTINGS = WorkerSettings(data_dir=None, device="cpu", environment={}, deterministic=True)
LONG = {"recipe.iterations": 200_000}


@pytest.fixture
def executor():
    made = PackedExecutor(slots=3, settings=SETTINGS, threads=1)
    yield made
    made.cancel()


def trials_in(folder, *changes):
    return [Trial(root=folder, spec=replace(TINY, {**each, "seed": seed})) for seed, each in enumerate(changes)]


def all_ended(executor, trials):
    codes, deadline = {}, time.monotonic() + 120
    while len(codes) < len(trials):
        assert time.monotonic() < deadline
        for ended in executor.wait(1):
            assert ended.trial.name not in codes
            codes[ended.trial.name] = ended.code
    return [codes[trial.name] for trial in trials]


def digest_alone(folder, trial):
    same = Trial(root=folder, spec=trial.spec)
    assert run_trial(same, SETTINGS)
    return same.result()["sha256"]


def test_trials_of_one_data_set_share_a_process_and_end_as_alone(tmp_path, executor):
    trials = trials_in(tmp_path, {}, {}, {"data.train_images": 160}, {"recipe.lr": 1e30})
    for trial in trials[:3]:
        executor.submit(trial)
    assert [len(pack.running) for pack in executor._packs] == [2, 1]
    assert all_ended(executor, trials[:3]) == [0, 0, 0]
    first = executor._packs[0].process.pid
    executor.submit(trials[3])
    assert executor._packs[0].process.pid == first, "a process that holds the images is used again"
    assert all_ended(executor, trials[3:]) == [3]
    assert trials[3].failure()["reason"] == "diverged"
    for number, trial in enumerate(trials[:3]):
        assert trial.result()["sha256"] == digest_alone(tmp_path / "alone" / str(number), trial)
        environment = trial.environment()
        assert (environment["deterministic_algorithms"], environment["step"], environment["threads"]) == (
            True,
            "eager",
            1,
        )
    assert sorted(path.parent.name for path in tmp_path.glob("*/worker.log")) == sorted(
        [trials[0].name, trials[2].name]
    )


def test_one_trial_of_a_process_is_stopped_and_the_other_goes_on(tmp_path, executor, stop_one):
    stop_one(executor, *trials_in(tmp_path, LONG, LONG))


def test_a_killed_process_leaves_the_last_epoch_of_each_trial(tmp_path, executor, wait_for):
    shorter = {"recipe.iterations": 160}
    trials = trials_in(tmp_path, shorter, shorter)
    for trial in trials:
        executor.submit(trial)
    wait_for(lambda: all((trial.folder / "resume.pt").exists() for trial in trials))
    os.kill(executor._packs[0].process.pid, signal.SIGKILL)
    assert all_ended(executor, trials) == [-9, -9]
    epochs = [len(trial.history()) for trial in trials]
    assert all(1 <= count < 40 for count in epochs)
    for trial in trials:
        executor.submit(trial)
    assert all_ended(executor, trials) == [0, 0]
    for number, trial in enumerate(trials):
        assert len(trial.history()) == 40
        assert trial.result()["sha256"] == digest_alone(tmp_path / "alone" / str(number), trial)


def test_a_gpu_gets_packed_trials_and_a_cpu_a_process_for_each():
    for device, kind in (("cpu", LocalExecutor), ("cuda", PackedExecutor)):
        settings = WorkerSettings(data_dir=None, device=device, environment={})
        assert type(make_executor(slots=1, settings=settings, threads=1)) is kind


def options(device, jobs="auto"):
    return SimpleNamespace(
        device=device, jobs=jobs, data_dir=None, compile=False, deterministic=False, kernels=Kernels.AUTO
    )


def test_a_number_of_jobs_is_taken_as_it_is_and_a_cpu_has_a_job_a_core(monkeypatch):
    monkeypatch.setattr("resnet_lab.engine.precision.resolve_device", torch.device)
    assert resources(options("cuda", 5), [TINY]) == ("cuda", 5, None)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert resources(options("cpu"), [TINY]) == ("cpu", cores, None)


def test_a_precision_that_the_device_lacks_is_refused_before_anything_is_written():
    with pytest.raises(UserError, match="tf32 is a GPU's"):
        resources(options("cpu"), [TINY, replace(TINY, {"recipe.precision": "tf32"})])


def test_trials_in_tf32_have_a_process_of_their_own():
    fp32, tf32 = (replace(TINY, {"recipe.precision": precision}) for precision in ("fp32", "tf32"))
    assert shared_by(fp32) == shared_by(replace(fp32, {"recipe.precision": "bf16", "model.depth": 20}))
    assert shared_by(fp32) != shared_by(tf32)
