"""Progress bars of a command, on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

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
def progress_bars(console: "Console") -> Iterator[Progress]:
    """Show a bar for each part of the work where the console is a terminal; else nothing."""
    from rich import progress as rich

    columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), rich.TimeElapsedColumn())
    disable = not console.is_terminal
    with rich.Progress(*columns, rich.TimeRemainingColumn(), console=console, transient=True, disable=disable) as bars:

        def start(label: str, total: int | None, /) -> Advance:
            task = bars.add_task(label, total=total)
            return lambda: bars.advance(task)

        yield start
