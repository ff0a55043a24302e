"""Torch-free entry points of worker processes: the driver must not load torch, the worker has it."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resnet_lab.trials.trial import Trial
    from resnet_lab.trials.worker_settings import WorkerSettings


def launch(trial: Trial, settings: WorkerSettings, threads: int) -> None:
    """Run a worker in this process."""
    from resnet_lab.trials.worker import main

    main(trial, settings, threads)


def launch_pack(connection: Connection, trial: Trial, settings: WorkerSettings, threads: int) -> None:
    """Run a worker of several trials in this process; `trial` is the first."""
    from resnet_lab.trials.packed_worker import main

    main(connection, trial, settings, threads)
