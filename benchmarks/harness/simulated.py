"""Simulated executor for `study_scale.py`: writes a trial's files at once, without training."""

import hashlib
import json
import random
import time
from collections.abc import Iterable
from typing import Any

from resnet_lab.runner.executor import Exit
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import to_json
from resnet_lab.trials.signature import sign
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings

EPOCHS = 8
WEIGHTS = b"weights"


class SimulatedExecutor:
    """Each trial is complete by the next `wait`. `wall` and `cpu` are the seconds that writing took."""

    def __init__(self, *, slots: int, settings: WorkerSettings, threads: int, runs: Iterable[RunSpec] = ()) -> None:  # noqa: ARG002  # LocalExecutor's
        self.slots = slots
        self.wall = self.cpu = 0.0
        self._environment = settings.environment
        self._running: list[Trial] = []

    def has_room(self, trial: Trial) -> bool:  # noqa: ARG002  # the protocol's
        return True

    def lower_slots(self, name: str) -> None:  # noqa: ARG002  # the protocol's
        self.slots = max(1, self.slots - 1)

    def submit(self, trial: Trial) -> None:
        self._running.append(trial)

    def wait(self, timeout: float) -> list[Exit]:  # noqa: ARG002  # the protocol's
        wall, cpu = time.perf_counter(), time.process_time()
        for trial in self._running:
            _write(trial, {**self._environment, "data": {"name": trial.spec.data.name, "sha256": "ab" * 32}})
        ended, self._running = [Exit(trial=trial, code=0) for trial in self._running], []
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        return ended

    def stop(self, name: str) -> None:
        """Without effect: the next `wait` finds it complete."""

    def cancel(self) -> None:
        self._running = []

    def drain(self, seconds: float) -> None:
        """Trials are complete at once: none is in an epoch."""


def _write(trial: Trial, environment: dict[str, Any]) -> None:
    folder, records = trial.folder, _history(trial.spec)
    folder.mkdir(parents=True)
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    last = records[-1]
    result = {"test/error": last["val/error"] + 0.3, "test/loss": 0.2}
    result |= {name: last[name] for name in ("train/loss", "train/error", "val/loss", "val/error")}
    result |= {"time/train_s": 8.0, "epochs": EPOCHS, "iterations": last["iteration"], "sha256": digest}
    contents = {
        "config.json": to_json(trial.spec),
        "env.json": json.dumps(environment),
        "history.jsonl": "".join(json.dumps(record) + "\n" for record in records),
        "model.safetensors.sha256": f"{digest}  model.safetensors\n",
    }
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    for name, text in contents.items():
        (folder / name).write_text(text)
    (folder / "result.json").write_text(json.dumps(sign(folder, result)))


def _history(spec: RunSpec) -> list[dict[str, float]]:
    """Return a noisy curve: lower errors for a deeper network, noise by seed."""
    draw = random.Random(f"{spec.model} {spec.seed}")
    end = 4 + 60 / spec.model.depth + draw.gauss(0, 0.5)
    records = []
    for epoch in range(1, EPOCHS + 1):
        error = end + 40 / epoch**2
        record = {"epoch": epoch, "iteration": spec.recipe.iterations * epoch // EPOCHS, "train/lr": 0.1}
        record |= {"train/loss": error / 20, "train/error": error, "val/loss": error / 20, "val/error": error}
        records.append(record | {"time/epoch_s": 1.0, "time/images_per_s": 1257.0})
    return records
