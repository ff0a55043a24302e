"""Agent: the process on a node that hosts the executor there. It knows neither the cluster nor the driver.

Its methods are called one at a time. What it answers to `poll` it says again until a later poll acknowledges it, so
that an answer that was lost on the way loses nothing.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from filelock import BaseFileLock, FileLock, Timeout

from resnet_lab.data import transfer
from resnet_lab.runner.executor import Executor
from resnet_lab.runner.fleet.mirror import Files, Mirror, write_files
from resnet_lab.runner.packed_executor import make_executor
from resnet_lab.runner.resources import resources
from resnet_lab.spec.choices import Kernels
from resnet_lab.spec.fields import from_json
from resnet_lab.system.energy import Joules, Meter
from resnet_lab.system.environment import describe_machine, training_code
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings

PREFIX, LOCK = "resnet-lab-agent-", "agent.lock"
"""Of an agent's folder among the system's temporary ones, and of the file in it that a living agent holds."""
FRESH_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How an agent runs trials; `runs` are examples of them as JSON."""

    settings: WorkerSettings
    threads: int
    jobs: int | Literal["auto"]
    cpus: int
    """Cores of the node that the cluster may use: trials at once on them, where `jobs` is auto."""
    runs: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What an agent is: its code, and its machine."""

    code: str
    """SHA-256 of the code that trains."""
    machine: Mapping[str, Any]
    pid: int
    """Of the agent, on that machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A trial that ended, by its name and the number of the attempt that it was submitted as."""

    name: str
    attempt: int
    code: int
    shared: bool = False
    """As `Exit` has it: whether its process died with other trials in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What happened between two polls; `files` are by the trial's name and attempt, none where the disk is shared."""

    number: int
    ended: Sequence[Ended]
    files: Mapping[tuple[str, int], Files]
    sees_disk: bool


@dataclass(slots=True)
class _Hosted:
    trial: Trial
    attempt: int
    mirror: Mirror | None
    """None where the driver sees the folder itself."""


@dataclass(slots=True)
class Agent:
    """The executor of a node, or of one of its GPUs."""

    _executor: Executor | None = None
    _root: Path | None = None
    _lock: BaseFileLock | None = None
    _data_dir: Path | None = None
    _meter: Meter | None = None
    _hosted: dict[str, _Hosted] = field(default_factory=dict)
    _attempts: set[int] = field(default_factory=set)
    _unacknowledged: list[News] = field(default_factory=list)
    _left: list[tuple[int, Path]] = field(default_factory=list)
    """Folders of trials that ended, to be removed once the poll of that number is acknowledged."""
    _number: int = 0
    _sees_disk: bool = False

    def describe(self) -> Description:
        """Return which code this is and on which machine, before anything is started."""
        # Workers are forked, and would run the script of the process that hosts the agent again.
        with contextlib.suppress(AttributeError):
            del sys.modules["__main__"].__file__
        return Description(code=training_code(), machine=describe_machine(), pid=os.getpid())

    def has_data(self, spec: str, data_dir: str | None) -> bool:
        """Return whether this node holds a run's images, intact: in the folder of that name, or in its cache."""
        found = transfer.find(from_json(spec).data, Path(data_dir) if data_dir else None)
        if found is not None:
            self._data_dir = found.data_dir
        return found is not None

    def take_data(self, spec: str, files: Mapping[str, bytes]) -> bool:
        """Keep the files of a run's images in this node's cache. Returns whether they are intact there."""
        found = transfer.keep_set(from_json(spec).data, files)
        self._data_dir = found.data_dir if found is not None else None
        return found is not None

    def open(self, order: Order) -> int:
        """Start the executor and return its slots: `jobs`, or as many as pay off. `has_data` comes first."""
        settings = order.settings
        machine = dict(settings.environment) | describe_machine()
        settings = replace(settings, environment=machine, data_dir=self._data_dir)
        runs = [from_json(run) for run in order.runs]
        slots = _slots(order, settings) if order.jobs == "auto" else order.jobs
        self._executor = make_executor(slots=slots, settings=settings, threads=order.threads, runs=runs)
        self._meter = Meter(device=settings.device)
        return slots

    def submit(self, spec: str, attempt: int, root: str, probe: str, files: Files) -> None:
        """Start a trial: in the driver's own folder where its probe file is seen there, else here with these files.

        An attempt that was heard already is the same call once more.
        """
        if attempt in self._attempts:
            return
        self._sees_disk = (Path(root) / probe).is_file()
        trial = Trial(root=Path(root) if self._sees_disk else self._own_root(), spec=from_json(spec))
        mirror = None
        if not self._sees_disk:
            shutil.rmtree(trial.folder, ignore_errors=True)
            write_files(trial.folder, files)
            mirror = Mirror(trial.folder)
            mirror.changes(final=True)
        self._running().submit(trial)
        self._hosted[trial.name] = _Hosted(trial, attempt, mirror)
        self._attempts.add(attempt)

    def poll(self, timeout: float, seen: int) -> Sequence[News]:
        """Return what happened since the answer number `seen`, waiting at most `timeout` seconds for a trial to end."""
        self._acknowledge(seen)
        exits = {each.trial.name: each for each in self._running().wait(timeout)}
        files: dict[tuple[str, int], Files] = {}
        ended: list[Ended] = []
        self._number += 1
        for name, hosted in list(self._hosted.items()):
            over = name in exits
            if hosted.mirror is not None and (changed := hosted.mirror.changes(final=over)):
                files[name, hosted.attempt] = changed
            if over:
                exit_ = exits[name]
                ended.append(Ended(name=name, attempt=hosted.attempt, code=exit_.code, shared=exit_.shared))
                self._forget(name)
        news = News(number=self._number, ended=ended, files=files, sees_disk=self._sees_disk)
        self._unacknowledged.append(news)
        return list(self._unacknowledged)

    def stop(self, name: str) -> None:
        """Have a trial end; a poll says when it has."""
        if name in self._hosted:
            self._running().stop(name)

    def cancel_all(self, drain_s: float) -> Mapping[str, Files]:
        """End every trial, with its epoch within so many seconds, and return what was not said yet, by name."""
        if drain_s:
            self._running().drain(drain_s)
        self._running().cancel()
        hosted, self._hosted = self._hosted, {}
        return {name: each.mirror.changes(final=True) for name, each in hosted.items() if each.mirror is not None}

    def close(self) -> Joules:
        """End what runs, remove the folders here, and return the joules of this machine and of the agent's GPU."""
        if self._executor is not None:
            self._executor.cancel()
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
        return self._meter.stop() if self._meter is not None else Joules(None)

    def _running(self) -> Executor:
        if self._executor is None:
            raise ValueError("an agent is opened before it is given trials")
        return self._executor

    def _own_root(self) -> Path:
        if self._root is None:
            _sweep()
            self._root = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._lock = FileLock(self._root / LOCK)
            self._lock.acquire()
        return self._root

    def _forget(self, name: str) -> None:
        hosted = self._hosted.pop(name)
        if hosted.mirror is not None:
            self._left.append((self._number, hosted.trial.folder))

    def _acknowledge(self, seen: int) -> None:
        self._unacknowledged = [news for news in self._unacknowledged if news.number > seen]
        for number, folder in [each for each in self._left if each[0] <= seen]:
            if folder.name not in self._hosted:  # submitted again since
                shutil.rmtree(folder, ignore_errors=True)
            self._left.remove((number, folder))


def _sweep() -> None:
    """Remove the folders of agents that were killed: nobody holds their lock."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, Timeout):
            if time.time() - folder.stat().st_mtime > FRESH_S:
                with FileLock(folder / LOCK, timeout=0):
                    shutil.rmtree(folder)


def _slots(order: Order, settings: WorkerSettings) -> int:
    """Return how many trials at once pay off here."""
    if settings.device == "cpu":
        return max(1, order.cpus)

    @dataclass(frozen=True, slots=True)
    class Asked:
        device: str = settings.device
        jobs: Literal["auto"] = "auto"
        data_dir: Path | None = settings.data_dir
        compile: bool = settings.compiled
        deterministic: bool = settings.deterministic
        kernels: Kernels = settings.kernels

    found = resources(Asked(), [from_json(run) for run in order.runs])
    return found.packing.least if found.packing else found.jobs
