"""Real workers that note what they spend their time on, for `fixed_cost.py`."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resnet_lab.system.interrupt import deferred
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from studies.runner.executor import Exit, LocalExecutor

PARTS = ("process", "data", "set-up", "training", "checkpoints", "files", "tracking")
NOTE = "timing.json"


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
        self._submitted = self._noticed = (0.0, 0.0)
        self._last: Trial | None = None

    def submit(self, trial: Trial) -> None:
        now = _now()
        if self._last is not None:
            self.timings.append(self._timing(json.loads((self._last.folder / NOTE).read_text()), now))
        self._submitted, self._last = now, trial
        process = self._context.Process(  # type: ignore[attr-defined]  # not on the base class
            target=timed, args=(trial, self._settings, self._threads), name=trial.name
        )
        with deferred():
            process.start()
            self._running[trial.name] = (trial, process)

    def wait(self, timeout: float) -> list[Exit]:
        ended = super().wait(timeout)
        self._noticed = _now() if ended else self._noticed
        return ended

    def _timing(self, note: dict[str, Any], now: tuple[float, float]) -> Timing:
        wall, cpu = note["wall"], note["cpu"]
        wall["process"] = note["entered"] - self._submitted[0] + self._noticed[0] - note["left"]
        wall["tracking"] = now[0] - self._noticed[0]
        cpu["tracking"] = now[1] - self._submitted[1]  # all that this process did meanwhile
        return Timing(wall, cpu)


def timed(trial: Trial, orders: WorkerSettings, threads: int) -> None:
    """Run a worker in this process and leave a note of its parts in the trial's folder."""
    import resnet_lab.checkpoint as checkpoint
    import resnet_lab.data.load as data
    import resnet_lab.engine.resume as resume
    from resnet_lab.engine.session import Session
    from resnet_lab.trials.entry import launch

    entered = _now()
    parts: dict[str, list[tuple[float, float]]] = {part: [] for part in PARTS}
    _wrap(data, "load", parts["data"])
    for name in ("__init__", "restore"):
        _wrap(Session, name, parts["set-up"])
    for name in ("run_epoch", "test"):
        _wrap(Session, name, parts["training"])
    for owner, name in ((resume, "load_state"), (resume.Keeper, "save"), (checkpoint, "save_model")):
        _wrap(owner, name, parts["checkpoints"])
    code: Any = None
    try:
        launch(trial, orders, threads)
    except SystemExit as stop:
        code = stop.code
    left = _now()
    wall, cpu = ({part: sum(each[i] for each in spent) for part, spent in parts.items()} for i in (0, 1))
    wall["files"] = left[0] - entered[0] - sum(wall.values())
    cpu["process"] = entered[1]
    cpu["files"] = left[1] - sum(cpu.values())
    (trial.folder / NOTE).write_text(json.dumps({"wall": wall, "cpu": cpu, "entered": entered[0], "left": left[0]}))
    sys.exit(code)


def _wrap(owner: Any, name: str, spent: list[tuple[float, float]]) -> None:
    """Let a function add to `spent` what each of its calls takes."""
    function: Callable[..., Any] = getattr(owner, name)

    def measured(*args: Any, **kwargs: Any) -> Any:
        before = _now()
        try:
            return function(*args, **kwargs)
        finally:
            after = _now()
            spent.append((after[0] - before[0], after[1] - before[1]))

    setattr(owner, name, measured)


def _now() -> tuple[float, float]:
    """Return the clock, which all processes share, and this process's CPU time."""
    return time.time(), time.process_time()
