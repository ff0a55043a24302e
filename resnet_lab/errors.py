"""Errors a user can cause: one clear sentence with the remedy, exit code 2."""


class UserError(Exception):
    """A mistake in what the user asked for; its text is one sentence that says what to do instead."""

    exit_code = 2


class RefusedError(UserError):
    """A combination that means nothing, though each of its values is a good one."""
