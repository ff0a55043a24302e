"""The door between a driver, which must not load torch, and a worker, which has it."""

from resnet_lab.trial import Orders, Trial


def launch(trial: Trial, orders: Orders, threads: int) -> None:
    """Run a worker in this process."""
    from resnet_lab.worker import main

    main(trial, orders, threads)
