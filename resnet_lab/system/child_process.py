"""Start of a child process that does not run the command's own script again."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from threading import Lock
from types import ModuleType

_STARTING = Lock()


def start(process: BaseProcess) -> None:
    """Start a process whose target can be imported by its module's name.

    A child that is forked from a server or spawned otherwise first imports what the user's command was, with all it
    needs to plan and report: for a worker of a few seconds a third of what it costs besides its training.
    """
    with _STARTING, _hidden_main():
        process.start()


@contextmanager
def _hidden_main() -> Iterator[None]:
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
