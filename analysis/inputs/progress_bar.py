"""Progress bars of a command on a terminal, lines where its output is piped."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from resnet_lab.system.activity import SILENCE_S

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[], None]
"""Called after each step."""


class Progress(Protocol):
    """Starts a bar of `total` steps, None where that is not known; returns what to call after each."""

    def __call__(self, label: str, total: int | None, /) -> Advance: ...


def no_progress(_label: str, _total: int | None, /) -> Advance:
    """Show nothing."""
    return lambda: None


@contextmanager
def progress_on_stderr(*, wanted: bool) -> Iterator[Progress]:
    """Show the progress of a function called from Python on stderr, where that is wanted."""
    if not wanted:
        yield no_progress
        return
    from rich.console import Console

    with progress_bars(Console(stderr=True)) as progress:
        yield progress


@contextmanager
def progress_bars(console: "Console") -> Iterator[Progress]:
    """Show a bar for each part of the work; where the console is no terminal, lines where it was silent for long."""
    from rich import progress as rich

    if not console.is_terminal:
        yield ProgressLines(partial(console.print, highlight=False, markup=False, soft_wrap=True))
        return
    columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), rich.TimeElapsedColumn())
    with rich.Progress(*columns, rich.TimeRemainingColumn(), console=console, transient=True) as bars:

        def start(label: str, total: int | None, /) -> Advance:
            task = bars.add_task(label, total=total)
            return lambda: bars.advance(task)

        yield start


class ProgressLines:
    """A line at most every 30 s: how far a part of the work is; `clock` gives seconds."""

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._spoke = clock()

    def __call__(self, label: str, total: int | None, /) -> Advance:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            if self._clock() - self._spoke >= SILENCE_S:
                self._spoke = self._clock()
                self._write(f"{label}: {done}" if total is None else f"{label}: {done}/{total}")

        return advance
