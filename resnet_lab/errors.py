"""Errors a user can cause: one line with the remedy, exit code 2."""


class UserError(Exception):
    """A mistake in what the user asked for; its message is one line that says what to do instead."""

    exit_code = 2


class RefusedError(UserError):
    """An invalid combination of values that are each valid."""
