"""Errors a user can cause: one line with the remedy, exit code 2."""

import errno
import sys
from typing import NoReturn


class UserError(Exception):
    """A mistake in what the user asked for; its message is one line that says what to do instead."""

    exit_code = 2


class RefusedError(UserError):
    """An invalid combination of values that are each valid."""


def refer(module: str, commands: str) -> NoReturn:
    """End `python -m MODULE`, a name that one may take for a command, with what to use in its place: exit code 2."""
    print(f"error: {module} is no command: use {commands}", file=sys.stderr)
    sys.exit(UserError.exit_code)


class DiskFullError(UserError):
    """There is no room for a file; the message names it and, where they are known, the bytes it needs."""


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system calls a full disk, a spent quota, and a file over its limit."""


def is_full(error: BaseException) -> bool:
    """Whether an error, of the system's or of a database's, says that there is no room."""
    number = error.errno if isinstance(error, OSError) else None
    return isinstance(error, DiskFullError) or number in FULL or "database or disk is full" in str(error)


def printable(text: str) -> str:
    """Return text for a terminal, which obeys control characters: each becomes its escape, but for line ends."""
    return "".join(sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in text)
