"""Errors a user can cause: one line with the remedy, exit code 2."""

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
