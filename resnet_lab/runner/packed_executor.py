"""The executor that packs trials: several at once in one process on a GPU, as long as they train on the same images."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from resnet_lab.runner.executor import Executor, Exit, LocalExecutor, start_server, wait_for_all
from resnet_lab.runner.packing import SLACK, Packing
from resnet_lab.spec import DataSpec, Precision, RunSpec
from resnet_lab.system import child_process
from resnet_lab.trials import preload
from resnet_lab.trials.entry import launch_pack
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import FAILED, MAX_PACKED_TRIALS, START, STOP, WorkerSettings


@dataclass(slots=True, kw_only=True)
class PackProcess:
    """A worker process, what its trials have in common, and the trials it trains."""

    shared: tuple[DataSpec, bool]
    """See `shared_by`."""
    process: BaseProcess
    line: Connection
    running: dict[str, Trial] = field(default_factory=dict)

    def ended(self) -> list[Exit]:
        """Return the trials that ended since the last call: all of them, where the process died."""
        exits = []
        alive = self.process.is_alive()  # asked first: what it sent before it died is still to be read
        try:
            while self.line.poll():
                name, code = self.line.recv()
                exits.append(Exit(trial=self.running.pop(name), code=code))
        except (EOFError, OSError):
            alive = self._joined()
        if not alive:
            self.process.join()
            code = self.process.exitcode or 0
            # It leaves by itself where the GPU fails under one trial, which has then been reported.
            shared = len(self.running) > 1 or code == FAILED
            exits += [Exit(trial=trial, code=code, shared=shared) for trial in self.running.values()]
            self.running.clear()
        return exits

    def close(self) -> None:
        """End the process now; the last finished epochs stay on disk."""
        self.line.close()
        self.process.kill()  # on SIGTERM its trials would finish their epochs
        self.process.join()
        self.process.close()

    def _joined(self) -> bool:
        self.process.join()
        return False


def shared_by(spec: RunSpec) -> tuple[DataSpec, bool]:
    """Return what trials of one process have in common: the images, and whether float32 is multiplied in TF32."""
    return spec.data, spec.recipe.precision == Precision.TF32


def make_executor(
    *,
    slots: int,
    settings: WorkerSettings,
    threads: int,
    runs: Iterable[RunSpec] = (),
    packing: Packing | None = None,
) -> Executor:
    """Return what runs trials on the settings' device: a process per trial on a CPU, packed processes on a GPU.

    `runs` are examples of what is to come; `packing` is a GPU's.
    """
    if settings.device == "cpu":
        return LocalExecutor(slots=slots, settings=settings, threads=threads, runs=runs)
    return PackedExecutor(slots=slots, settings=settings, threads=threads, runs=runs, packing=packing)


class PackedExecutor:
    """`slots` trials at once in as few processes as hold them, each process with one set of images on the GPU."""

    def __init__(
        self,
        *,
        slots: int,
        settings: WorkerSettings,
        threads: int,
        runs: Iterable[RunSpec] = (),
        packing: Packing | None = None,
    ) -> None:
        """`packing` says how many trials of which size fit together; without it all sizes are alike."""
        self.slots = slots
        self._packing, self._whole = packing, 1.0
        self._shares: dict[str, float] = {}
        self._settings, self._threads = settings, threads
        self._context = start_server(threads, preload.environment(runs, settings))
        self._packs: list[PackProcess] = []

    def has_room(self, trial: Trial) -> bool:
        """Return whether the shares of the trials that run leave enough for another; one trial always has room."""
        running = [each for pack in self._packs for each in pack.running]
        if self._packing is None or not running:
            return True
        taken = sum(self._shares[name] for name in running)
        return taken + self._packing.share(trial.spec) <= self._whole + SLACK

    def lower_slots(self, name: str) -> None:
        self.slots = max(1, self.slots - 1)
        self._whole -= self._shares.get(name, 0.0)

    def submit(self, trial: Trial) -> None:
        fitting = (pack for pack in self._packs if pack.shared == shared_by(trial.spec))
        pack = next((pack for pack in fitting if len(pack.running) < MAX_PACKED_TRIALS), None) or self._open(trial)
        pack.running[trial.name] = trial
        if self._packing is not None:
            self._shares[trial.name] = self._packing.share(trial.spec)
        with contextlib.suppress(OSError):  # the process is dead: `wait` will say so of all its trials
            pack.line.send((START, trial))

    def waited_for(self) -> Sequence[Connection | int]:
        """Return what becomes ready where a trial ends."""
        lines = [pack.line for pack in self._packs]
        return [*lines, *(pack.process.sentinel for pack in self._packs)]

    def wait(self, timeout: float) -> list[Exit]:
        connection.wait(self.waited_for(), timeout)
        exits = []
        for pack in list(self._packs):
            exits += pack.ended()
            if not pack.process.is_alive():
                self._packs.remove(pack)
                pack.close()
        return exits

    def stop(self, name: str) -> None:
        for pack in self._packs:
            if name in pack.running:
                with contextlib.suppress(OSError):  # as in `submit`
                    pack.line.send((STOP, name))

    def cancel(self) -> None:
        for pack in self._packs:
            pack.close()
        self._packs = []

    def drain(self, seconds: float) -> None:
        for pack in self._packs:
            pack.process.terminate()
        wait_for_all([pack.process.sentinel for pack in self._packs], seconds)

    def _open(self, trial: Trial) -> PackProcess:
        """Start a process for what the trial shares, in the place of one that idles over other images."""
        for idle in [pack for pack in self._packs if not pack.running]:
            self._packs.remove(idle)
            idle.close()
        ours, theirs = self._context.Pipe()
        process = self._context.Process(  # type: ignore[attr-defined]  # not on the base class
            target=launch_pack, args=(theirs, trial, self._settings, self._threads), daemon=True
        )
        child_process.start(process)
        theirs.close()
        pack = PackProcess(shared=shared_by(trial.spec), process=process, line=ours)
        self._packs.append(pack)
        return pack
