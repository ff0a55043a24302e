"""Ctrl-C handling: one line and exit code 130, wherever it lands and however often it is pressed."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
DEBOUNCE_S = 5.0
"""How long a Ctrl-C is given to end the command; another one within that time says nothing new."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C.

    A class of its own, because CPython remembers a plain KeyboardInterrupt that left code compiled from a string, as
    every dataclass is while its package is imported, and ends the process by SIGINT even where it was caught.
    """


@contextlib.contextmanager
def interruptible(line: str) -> Iterator[None]:
    """Turn Ctrl-C within the block, a command, into `line` on stderr and exit code 130.

    To be used in the main thread. Once the block leaves by SystemExit, Ctrl-C is ignored: the process is ending.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # started in the background by a shell: Ctrl-C is meant for others
        yield
        return
    after = before
    try:
        with _installed():
            yield
    except SystemExit:
        after = signal.SIG_IGN
        raise
    except KeyboardInterrupt:
        after = signal.SIG_IGN
        print(line, file=sys.stderr)
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, after)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let a Ctrl-C wait for the end of the block."""
    _ctrl_c.holds += 1
    try:
        yield
    finally:
        _ctrl_c.holds -= 1
        _ctrl_c.deliver()


class _CtrlC:
    """The handler of SIGINT: raises `Interrupted`, at most once in DEBOUNCE_S."""

    def __init__(self) -> None:
        self.holds = 0
        self.raised_at = -DEBOUNCE_S
        self._waiting = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the signal module's
        self._waiting = True
        self.deliver()

    def deliver(self) -> None:
        if not self._waiting or self.holds:
            return
        self._waiting = False
        now = time.monotonic()
        if now - self.raised_at >= DEBOUNCE_S:
            self.raised_at = now
            raise Interrupted

    def raise_later(self) -> None:
        """Raise once more, a moment later: the exception was lost in a finalizer, where Python only reports it."""
        self.raised_at = -DEBOUNCE_S
        main = threading.main_thread().ident
        # Sent to the main thread itself, so that it wakes from whatever it waits for.
        timer = threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT))
        timer.daemon = True
        timer.start()


_ctrl_c = _CtrlC()


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    report = sys.unraisablehook

    def unraisable(lost: "sys.UnraisableHookArgs") -> None:
        if issubclass(lost.exc_type, Interrupted):
            _ctrl_c.raise_later()
        else:
            report(lost)

    sys.unraisablehook = unraisable
    _ctrl_c.raised_at = -DEBOUNCE_S
    signal.signal(signal.SIGINT, _ctrl_c)
    try:
        yield
    finally:
        sys.unraisablehook = report
