"""A worker of its own for each trial, for real: one is stopped by name."""

from resnet_lab.runner.executor import LocalExecutor
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings

DIGITS = {"data.name": "digits", "model.depth": 8, "recipe.batch_size": 32, "recipe.augmentation": "none"}


def test_one_worker_is_stopped_and_the_other_goes_on(tmp_path, stop_one):
    executor = LocalExecutor(slots=2, settings=WorkerSettings(data_dir=None, device="cpu", environment={}), threads=1)
    specs = [replace(RunSpec(), {**DIGITS, "recipe.iterations": 100_000, "seed": seed}) for seed in (0, 1)]
    try:
        stop_one(executor, *(Trial(root=tmp_path, spec=spec) for spec in specs))
    finally:
        executor.cancel()
