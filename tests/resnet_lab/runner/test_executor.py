"""A worker of its own for each trial, for real: one is stopped by name."""

import os
import signal
from multiprocessing import forkserver

from resnet_lab.runner.executor import LocalExecutor
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import FAILED, WorkerSettings

DIGITS = {"data.name": "digits", "model.depth": 8, "recipe.batch_size": 32, "recipe.augmentation": "none"}


def test_a_sigterm_to_all_processes_leaves_the_workers_to_end_with_their_epoch(tmp_path, wait_for):
    """The server that forked them ended: their ends could not be waited for, and they were killed in mid-epoch."""
    forkserver._forkserver._stop()  # another test's, which hears signals
    executor = LocalExecutor(slots=1, settings=WorkerSettings(data_dir=None, device="cpu", environment={}), threads=1)
    trial = Trial(root=tmp_path, spec=replace(RunSpec(), {**DIGITS, "recipe.iterations": 100_000}))
    executor.submit(trial)
    wait_for(trial.history)
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGTERM)
    executor.drain(120)
    (ended,) = executor.wait(0)
    assert (ended.code, trial.failure()) == (FAILED, None)
    assert trial.state_file.exists()


def test_one_worker_is_stopped_and_the_other_goes_on(tmp_path, stop_one):
    executor = LocalExecutor(slots=2, settings=WorkerSettings(data_dir=None, device="cpu", environment={}), threads=1)
    specs = [replace(RunSpec(), {**DIGITS, "recipe.iterations": 100_000, "seed": seed}) for seed in (0, 1)]
    try:
        stop_one(executor, *(Trial(root=tmp_path, spec=spec) for spec in specs))
    finally:
        executor.cancel()
