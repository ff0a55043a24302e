"""Executors: the protocol of what runs trials, and the one of local processes."""

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Protocol, runtime_checkable

from resnet_lab.spec import RunSpec
from resnet_lab.system import child_process
from resnet_lab.system.environment import environment_set
from resnet_lab.system.interrupt import SIGNALS, deferred
from resnet_lab.trials import preload
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings

# glibc gives freed activations back to the system and faults them in again at the next step unless told otherwise.
WORKER_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_MMAP_THRESHOLD_": "8589934592",
    # A server that asks the driver library whether there is a GPU could fork no worker that uses it.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    # A GPU has 8 queues for its streams by default, and streams of one queue wait for each other: 32 for the trials,
    # and for what measures how many of them pay off.
    "CUDA_DEVICE_MAX_CONNECTIONS": "32",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A worker that ended; a negative code is the signal that killed it."""

    trial: Trial
    code: int
    shared: bool = False
    """Whether its process died with other trials in it, any of which may have been the cause."""
    lost: str = ""
    """What was lost where the trial ran on another machine, such as `node n3 does not answer`; empty where nothing."""


class Executor(Protocol):
    """Runs trials; knows nothing of studies, Optuna or MLflow."""

    @property
    def slots(self) -> int:
        """How many trials may run at once; of a fleet it changes, and may be 0 for a while."""

    def has_room(self, trial: Trial) -> bool:
        """Return whether a trial may start beside those that run, where a slot is free."""

    def lower_slots(self, name: str) -> None:
        """Have one slot fewer where the trial of that name ran, at least one: together they had not enough memory."""

    def submit(self, trial: Trial) -> None:
        """Start a trial; at most `slots` run at once."""

    def wait(self, timeout: float) -> list[Exit]:
        """Return the trials that ended, waiting at most `timeout` seconds for the first."""

    def stop(self, name: str) -> None:
        """Have the running trial of that name end, at the latest with its epoch; `wait` returns it once it has."""

    def cancel(self) -> None:
        """End all running trials at once; their last finished epochs stay on disk, and `wait` returns none of them."""

    def drain(self, seconds: float) -> None:
        """Have every running trial end with the epoch it is in, and wait for that, at most so many seconds."""


@runtime_checkable
class Distributed(Protocol):
    """An executor whose trials run in several places."""

    def place_of(self, name: str) -> str:
        """Return where the trial of that name runs, or ran last."""

    def news(self) -> list[str]:
        """Return what happened to the places since the last call: one joined, one was lost."""


@runtime_checkable
class Remote(Distributed, Protocol):
    """An executor on other machines."""

    def close(self) -> float | None:
        """Leave the machines, and return the joules that all of them took; None where those of any are not known."""


class LocalExecutor:
    """One process per trial on this machine, forked from a server that has torch loaded; spawned where none can be."""

    def __init__(self, *, slots: int, settings: WorkerSettings, threads: int, runs: Iterable[RunSpec] = ()) -> None:
        """`runs` are examples of what is to come: where there is a server, it loads their images once for all."""
        self.slots = slots
        self._settings = settings
        self._threads = threads
        self._running: dict[str, tuple[Trial, BaseProcess]] = {}
        # The server's own is one thread: a process that has used several cannot fork others that do.
        self._context = start_server(min(threads, 1), preload.environment(runs, settings))

    def has_room(self, trial: Trial) -> bool:  # noqa: ARG002  # the protocol's
        return True

    def lower_slots(self, name: str) -> None:  # noqa: ARG002  # they all run in one place
        self.slots = max(1, self.slots - 1)

    def submit(self, trial: Trial) -> None:
        from resnet_lab.trials.entry import launch

        process = self._context.Process(  # type: ignore[attr-defined]  # not on the base class
            target=launch, args=(trial, self._settings, self._threads), name=trial.name
        )
        with deferred():  # a worker that started but is not known here would be an orphan
            child_process.start(process)
            self._running[trial.name] = (trial, process)

    def waited_for(self) -> Sequence[Connection | int]:
        """Return what becomes ready where a trial ends."""
        return [process.sentinel for _, process in self._running.values()]

    def wait(self, timeout: float) -> list[Exit]:
        connection.wait(self.waited_for(), timeout)
        ended = [name for name, (_, process) in self._running.items() if not process.is_alive()]
        exits = []
        for name in ended:
            trial, process = self._running.pop(name)
            process.join()
            exits.append(Exit(trial=trial, code=process.exitcode or 0))
            process.close()
        return exits

    def stop(self, name: str) -> None:
        if name in self._running:
            self._running[name][1].kill()  # on SIGTERM it would finish its epoch

    def cancel(self) -> None:
        running, self._running = self._running, {}
        for _, process in running.values():
            process.kill()
        for _, process in running.values():
            process.join()
            process.close()

    def drain(self, seconds: float) -> None:
        processes = [process for _, process in self._running.values()]
        for process in processes:
            process.terminate()
        wait_for_all([process.sentinel for process in processes], seconds)


def wait_for_all(waited_for: Sequence[Connection | int], seconds: float) -> None:
    """Wait until each of these is ready, at most so many seconds."""
    left, deadline = list(waited_for), time.monotonic() + seconds
    while left and (rest := deadline - time.monotonic()) > 0:
        ready = connection.wait(left, rest)
        left = [each for each in left if each not in ready]


def start_server(threads: int, preloaded: Mapping[str, str]) -> BaseContext:
    """Start the fork server with the workers' environment, without changing this process's own.

    `preloaded` is from `preload.environment`. A server that runs already stays as it is.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload.__name__])
    wanted = WORKER_ENVIRONMENT | dict(preloaded) | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    with environment_set(wanted), _signals_blocked():
        forkserver.ensure_running()
    return context


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """Start processes that no signal to the group reaches: where the server dies, its workers seem to, and are killed.

    Slurm and systemd send SIGTERM to all processes of a job. Workers let it through again.
    """
    resource_tracker.ensure_running()  # starting it would unblock the signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
