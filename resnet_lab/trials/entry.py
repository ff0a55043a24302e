"""Torch-free entry points of worker processes: the driver must not load torch, the worker has it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resnet_lab.trials.trial import Trial
    from resnet_lab.trials.worker_settings import WorkerSettings


def launch(trial: Trial, settings: WorkerSettings, threads: int) -> None:
    """Run a worker in this process."""
    with _failure_recorded(trial):
        from resnet_lab.trials.worker import main

    main(trial, settings, threads)


def launch_pack(connection: Connection, trial: Trial, settings: WorkerSettings, threads: int) -> None:
    """Run a worker of several trials in this process; `trial` is the first."""
    with _failure_recorded(trial):
        from resnet_lab.trials.packed_worker import main

    main(connection, trial, settings, threads)


@contextlib.contextmanager
def _failure_recorded(trial: Trial) -> Iterator[None]:
    """Record why a worker's modules could not be loaded as a trial's own errors are, not as a traceback on the screen.

    Torch's libraries need address space: under a `ulimit -v` they may not have it.
    """
    try:
        yield
    except Exception as error:
        from resnet_lab.errors import is_full
        from resnet_lab.outcomes import failure, reason_for
        from resnet_lab.system import atomic
        from resnet_lab.trials.worker_settings import FAILED, NO_ROOM

        try:
            trial.folder.mkdir(parents=True, exist_ok=True)
            atomic.write_json(trial.failure_file, failure(reason_for(error), error))
        except Exception as other:
            if not is_full(other):
                raise
            sys.exit(NO_ROOM)
        sys.exit(FAILED)
