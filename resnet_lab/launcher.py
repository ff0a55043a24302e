"""The door between a driver, which must not load torch, and a worker, which has it."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resnet_lab.orders import Orders
    from resnet_lab.trial import Trial

START, STOP = "start", "stop"
"""What a worker of several trials is told to do with one."""
MOST = 16
"""Trials in one process. torch deals out 32 streams of a GPU in turn: half of them, taken once, are never shared."""


def launch(trial: Trial, orders: Orders, threads: int) -> None:
    """Run a worker in this process."""
    from resnet_lab.worker import main

    main(trial, orders, threads)


def launch_pack(connection: Connection, trial: Trial, orders: Orders, threads: int) -> None:
    """Run a worker of several trials in this process; `trial` is the first."""
    from resnet_lab.pack import main

    main(connection, trial, orders, threads)
