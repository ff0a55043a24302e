"""A worker process that trains several trials at once on one GPU: a thread, a stream and a captured step for each.

The trials share the images and nothing else. Each writes its own folder, and one that fails ends alone.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from resnet_lab.data.images import ImageData
from resnet_lab.data.load import load
from resnet_lab.engine.precision import resolve_device
from resnet_lab.spec import DataSpec
from resnet_lab.trials.gpu_streams import Seat, StreamPool
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker import exit_code, hear_only_the_driver, prepare
from resnet_lab.trials.worker_settings import FAILED, KILLED_PROCESS, START, WorkerSettings

SWITCH_S = 2e-4
"""How long a thread keeps the interpreter from another that wants it: at 5 ms each of the hundreds of operations of a
capture would wait so long for its turn."""


def main(connection: Connection, first: Trial, settings: WorkerSettings, threads: int) -> None:
    """Entry point: carries out (START, trial) and (STOP, name), and reports (name, exit code) of a trial that ended.

    Ends when the other side closes the connection, or on SIGTERM, and the trials that run have ended with their epochs.
    """
    hear_only_the_driver(_leave)
    sys.setswitchinterval(SWITCH_S)
    prepare(first, settings, threads)
    pack = Pack(settings, connection.send)
    while True:
        try:
            command, subject = connection.recv()
        except (EOFError, OSError, _LeavingError):
            break
        pack.start(subject) if command == START else pack.stop(subject)
    pack.stop_all()


class _LeavingError(Exception):
    """SIGTERM: no more trials."""


def _leave(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    raise _LeavingError


class Pack:
    """The trials of a process; `report` is called with (name, exit code) of each that ends."""

    def __init__(self, settings: WorkerSettings, report: Callable[[tuple[str, int]], None]) -> None:
        self._settings, self._report = settings, report
        self._device = resolve_device(settings.device)
        self._streams = StreamPool(self._device)
        self._images = SharedImages()
        self._report_lock = threading.Lock()
        self._running: dict[str, tuple[threading.Thread, threading.Event]] = {}

    def start(self, trial: Trial) -> None:
        """Train a trial in a thread of its own."""
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(trial, stop), name=trial.name)
        self._running[trial.name] = thread, stop
        thread.start()

    def stop(self, name: str) -> None:
        """Let a trial end with its epoch. Without effect on one that has ended already."""
        running = self._running.get(name)
        if running is not None:
            running[1].set()

    def stop_all(self) -> None:
        """Let every trial end with its epoch, and wait until they have."""
        running = list(self._running.values())
        for _, stop in running:
            stop.set()
        for thread, _ in running:
            thread.join()

    def _run(self, trial: Trial, stop: threading.Event) -> None:
        code = FAILED
        try:
            # Each thread its own backward passes: else those of all trials share autograd's one thread for the GPU.
            with self._streams.acquire(trial.spec) as seat, torch.autograd.set_multithreading_enabled(False):
                code = exit_code(lambda: self._train(trial, seat, stop))
                if code:
                    seat.clear()
                    self._streams.clear()
        finally:
            is_over = code != 0 and not self._device_works()
            del self._running[trial.name]
            with self._report_lock:  # to the end: no other trial reports the same as a failure of its own
                with contextlib.suppress(OSError):  # the driver may be gone
                    self._report((trial.name, KILLED_PROCESS if is_over else code))
                if is_over:
                    # An illegal access leaves no usable context: the other trials' last epochs are on disk.
                    os._exit(FAILED)

    def _train(self, trial: Trial, seat: Seat, stop: threading.Event) -> bool:
        load, make_session = self._images.load, seat.make_session
        return run_trial(trial, self._settings, load=load, make_session=make_session, stopped=stop.is_set)

    def _device_works(self) -> bool:
        if self._device.type != "cuda":
            return True
        try:
            torch.cuda.current_stream(self._device).synchronize()
        except RuntimeError:
            return False
        return True


class SharedImages:
    """Loads each set once for all threads of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[tuple[DataSpec, Path | None, torch.device], ImageData] = {}

    def load(self, spec: DataSpec, data_dir: Path | None, device: torch.device) -> ImageData:
        """Return the set, as `resnet_lab.data.load.load` does."""
        key = (spec, data_dir, device)
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = load(spec, data_dir, device)
                if device.type == "cuda":  # loaded on this thread's stream, and read on others
                    torch.cuda.current_stream(device).synchronize()
            return self._loaded[key]
