"""Signals that end a command: Ctrl-C, SIGTERM and SIGHUP, each one line and exit code 128 + n, wherever it lands.

SIGTERM is what `kill`, Slurm, Docker and systemd send, SIGHUP what a closed terminal does. A second signal while the
first is being obeyed ends the process at once, and its workers.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from resnet_lab.errors import UserError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DEBOUNCE_S = 0.2
"""Signals that come closer together are one: a terminal and a wrapper such as `make` both pass on a Ctrl-C."""
MAX_GRACE_S = 86_400
"""The longest that running epochs may be given on SIGTERM: a day."""


class Interrupted(KeyboardInterrupt):
    """A signal that ends the command.

    A class of its own, because CPython remembers a plain KeyboardInterrupt that left code compiled from a string, as
    every dataclass is while its package is imported, and ends the process by SIGINT even where it was caught.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, as shells have it: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.number


@contextlib.contextmanager
def interruptible(line: str) -> Iterator[None]:
    """Turn a signal within the block, a command, into `line` on stderr and its exit code.

    To be used in the main thread. Once the block leaves by SystemExit, Ctrl-C is ignored: the process is ending.
    """
    # What is ignored is meant for others: Ctrl-C in the background of a shell, SIGHUP under nohup.
    before = {each: signal.getsignal(each) for each in SIGNALS}
    heard = [each for each, handler in before.items() if handler is not signal.SIG_IGN]
    if not heard:
        yield
        return
    ending = False
    try:
        with _installed(heard):
            yield
    except SystemExit:
        ending = True
        raise
    except KeyboardInterrupt as interrupt:
        ending = True
        with contextlib.suppress(OSError):  # the terminal may be gone: that is what SIGHUP says
            print(line, file=sys.stderr, flush=True)
        sys.exit(interrupt.exit_code if isinstance(interrupt, Interrupted) else 128 + signal.SIGINT)
    finally:
        for each in heard:
            signal.signal(each, signal.SIG_IGN if ending and each == signal.SIGINT else before[each])


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let a signal wait for the end of the block."""
    _handler.holds += 1
    try:
        yield
    finally:
        _handler.holds -= 1
        _handler.deliver()


@contextlib.contextmanager
def told_apart() -> Iterator[None]:
    """Raise again the signal of which a library's compiled code, in the block, has made a plain KeyboardInterrupt."""
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise Interrupted(_handler.raised) from None


class _Handler:
    """The handler of SIGNALS: raises `Interrupted` once; a later signal ends the process."""

    def __init__(self) -> None:
        self.holds = 0
        self.reset()

    def reset(self) -> None:
        self._waiting: int | None = None
        self.raised: int = signal.SIGINT
        """The signal that was raised last."""
        self._raised_at: float | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the signal module's
        now = time.monotonic()
        if self._raised_at is None:
            self._waiting = self._waiting or number
            self.deliver()
        elif now - self._raised_at >= DEBOUNCE_S:
            end_at_once(number)

    def deliver(self) -> None:
        if self._waiting is None or self.holds:
            return
        self.raised, self._waiting, self._raised_at = self._waiting, None, time.monotonic()
        raise Interrupted(self.raised)

    def raise_later(self, number: int) -> None:
        """Raise once more, a moment later: the exception was lost in a finalizer, where Python only reports it."""
        self.reset()
        main = threading.main_thread().ident
        # Sent to the main thread itself, so that it wakes from whatever it waits for.
        timer = threading.Timer(0.05, signal.pthread_kill, (main, number))
        timer.daemon = True
        timer.start()


_handler = _Handler()


def require_grace(seconds: float) -> None:
    """Check the option --grace. Raises UserError for a time that is none, or over a day."""
    if not 0 <= seconds <= MAX_GRACE_S:
        raise UserError(f"--grace {seconds:g}: seconds, from 0 to {MAX_GRACE_S}")


def end_at_once(number: int) -> None:
    """Kill the workers and end this process; what it has not closed, the next launch closes."""
    for worker in multiprocessing.active_children():
        with contextlib.suppress(OSError, ValueError):  # ended already
            worker.kill()
    os._exit(128 + number)


@contextlib.contextmanager
def _installed(signals: list[signal.Signals]) -> Iterator[None]:
    report = sys.unraisablehook

    def unraisable(lost: "sys.UnraisableHookArgs") -> None:
        if isinstance(lost.exc_value, Interrupted):
            _handler.raise_later(lost.exc_value.number)
        else:
            report(lost)

    sys.unraisablehook = unraisable
    _handler.reset()
    for each in signals:
        signal.signal(each, _handler)
    try:
        yield
    finally:
        sys.unraisablehook = report
