"""Timed workers for `fixed_cost.py`: real ones that record the seconds of their parts."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resnet_lab.runner.executor import Exit, LocalExecutor
from resnet_lab.system import child_process
from resnet_lab.system.interrupt import deferred
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings

PARTS = ("process", "data", "set-up", "training", "checkpoints", "files", "tracking")
TIMING_FILE = "timing.json"


@dataclass(slots=True)
class Timing:
    """Seconds of each part: of the clock from one trial's start to the next one's, and of all processors."""

    wall: dict[str, float]
    cpu: dict[str, float]


class TimedExecutor(LocalExecutor):
    """One slot. `timings` has an entry for each trial but the last, whose turn ends with the study."""

    def __init__(self, *, slots: int, settings: WorkerSettings, threads: int, **more: Any) -> None:
        super().__init__(slots=slots, settings=settings, threads=threads, **more)
        self.timings: list[Timing] = []
        self._submitted = self._ended = (0.0, 0.0)
        self._last: Trial | None = None

    def submit(self, trial: Trial) -> None:
        now = _now()
        if self._last is not None:
            self.timings.append(self._timing(json.loads((self._last.folder / TIMING_FILE).read_text()), now))
        self._submitted, self._last = now, trial
        process = self._context.Process(  # type: ignore[attr-defined]  # not on the base class
            target=timed, args=(trial, self._settings, self._threads), name=trial.name
        )
        with deferred():
            child_process.start(process)
            self._running[trial.name] = (trial, process)

    def wait(self, timeout: float) -> list[Exit]:
        ended = super().wait(timeout)
        self._ended = _now() if ended else self._ended
        return ended

    def _timing(self, record: dict[str, Any], now: tuple[float, float]) -> Timing:
        wall, cpu = record["wall"], record["cpu"]
        wall["process"] = record["entered"] - self._submitted[0] + self._ended[0] - record["left"]
        wall["tracking"] = now[0] - self._ended[0]
        cpu["tracking"] = now[1] - self._submitted[1]  # all that this process did meanwhile
        return Timing(wall, cpu)


def timed(trial: Trial, settings: WorkerSettings, threads: int) -> None:
    """Run a worker in this process and write the seconds of its parts into the trial's folder."""
    from resnet_lab.trials.entry import launch

    entered = _now()
    parts: dict[str, list[tuple[float, float]]] = {part: [] for part in PARTS}
    for part, functions in timed_functions().items():
        for owner, name in functions:
            _wrap(owner, name, parts[part])
    code: Any = None
    try:
        launch(trial, settings, threads)
    except SystemExit as stop:
        code = stop.code
    left = _now()
    wall, cpu = ({part: sum(call[i] for call in calls) for part, calls in parts.items()} for i in (0, 1))
    wall["files"] = left[0] - entered[0] - sum(wall.values())
    cpu["process"] = entered[1]
    cpu["files"] = left[1] - sum(cpu.values())
    record = {"wall": wall, "cpu": cpu, "entered": entered[0], "left": left[0]}
    (trial.folder / TIMING_FILE).write_text(json.dumps(record))
    sys.exit(code)


def timed_functions() -> dict[str, list[tuple[Any, str]]]:
    """Return the functions of each part, as (owner, name)."""
    import resnet_lab.checkpoint as checkpoint
    import resnet_lab.data.load as data
    import resnet_lab.engine.resume as resume
    from resnet_lab.engine.session import Session

    return {
        "data": [(data, "load")],
        "set-up": [(Session, "__init__"), (Session, "restore")],
        "training": [(Session, "run_epoch"), (Session, "test")],
        "checkpoints": [(resume, "load_state"), (resume.AsyncStateWriter, "save"), (checkpoint, "save_model")],
    }


def _wrap(owner: Any, name: str, calls: list[tuple[float, float]]) -> None:
    """Let a function append the seconds of each of its calls to `calls`."""
    function: Callable[..., Any] = getattr(owner, name)

    def timed_call(*args: Any, **kwargs: Any) -> Any:
        before = _now()
        try:
            return function(*args, **kwargs)
        finally:
            after = _now()
            calls.append((after[0] - before[0], after[1] - before[1]))

    setattr(owner, name, timed_call)


def _now() -> tuple[float, float]:
    """Return the clock, which all processes share, and this process's CPU time."""
    return time.time(), time.process_time()
