"""Sign of life of a command that has nothing to print: seconds that count in a terminal, lines where it is piped."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

SILENCE_S = 30.0
"""Seconds after which piped output says where things stand."""
LOADING, WRITING = "loading networks and images", "writing tables and figures"
"""What the commands that read trained networks do before and after their work."""


@contextmanager
def activity(what: str, console: "Console", silence_s: float = SILENCE_S) -> Iterator[None]:
    """Show that the block does `what`: in a terminal a line that is gone at its end, else one after each `silence_s`.

    Lines printed on `console` meanwhile stand above it. No other live view may be open on the console.
    """
    if console.is_terminal:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        # What goes to a file meanwhile stays out of the terminal.
        out, err = sys.stdout.isatty(), sys.stderr.isatty()
        with Progress(*columns, console=console, transient=True, redirect_stdout=out, redirect_stderr=err) as shown:
            shown.add_task(what, total=None)
            yield
        return
    with _repeated(lambda s: console.print(f"{what}: {s:.0f} s", highlight=False, markup=False), silence_s):
        yield


@contextmanager
def _repeated(say: Callable[[float], object], every_s: float) -> Iterator[None]:
    """Call `say` with the seconds gone, every `every_s` while the block runs."""
    ended, begun = Event(), time.monotonic()

    def run() -> None:
        while not ended.wait(every_s):
            say(time.monotonic() - begun)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
