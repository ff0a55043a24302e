"""Processes that wait for requests, so that both sides of a comparison take turns while warm."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from resnet_lab.errors import UserError

Ask = Callable[[tuple[str, int]], float]
"""Carries out a request, such as ("train", 20), and returns its number."""


class Process:
    """One spawned process that answers requests until its connection closes."""

    def __init__(self, make: Callable[..., Ask], *args: Any, environment: Mapping[str, str | None]) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, args))
        with _environment(environment):
            self._process.start()
        theirs.close()

    def send(self, request: tuple[str, int]) -> None:
        """Send a request; `receive` gives the answer. Raises UserError where the process has ended."""
        with _early_end_reported():
            self._connection.send(request)

    def receive(self) -> float:
        """Return the answer to the oldest request. Raises UserError where the process has ended."""
        with _early_end_reported():
            return float(self._connection.recv())

    def close(self) -> None:
        self._connection.close()
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()


def seconds_together(processes: Sequence[Process], request: tuple[str, int]) -> float:
    """Return the wall time from the request until the last of the processes has answered."""
    start = time.perf_counter()
    ask_all(processes, request)
    return time.perf_counter() - start


def ask_all(processes: Sequence[Process], request: tuple[str, int]) -> list[float]:
    """Return the answers of all processes, which work at the same time."""
    for process in processes:
        process.send(request)
    return [process.receive() for process in processes]


def _serve(connection: Connection, make: Callable[..., Ask], args: tuple[Any, ...]) -> None:
    # A spawned process would spawn its own as well: a data loader here starts its workers as in any other script.
    multiprocessing.set_start_method(None, force=True)
    ask = make(*args)
    try:
        while True:
            connection.send(ask(connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        del ask  # ends loader workers now: at the exit of the interpreter each would be waited for


@contextmanager
def _early_end_reported() -> Iterator[None]:
    try:
        yield
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise UserError("a process of the benchmark ended early: its own message above names the cause") from None


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Change this process's environment for those it starts; None removes a variable."""
    before = {name: os.environ.get(name) for name in changes}
    _update(changes)
    try:
        yield
    finally:
        _update(before)


def _update(changes: Mapping[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
