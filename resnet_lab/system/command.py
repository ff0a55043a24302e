"""Command lines: option parsing and error reports of every command of the project."""

import atexit
import contextlib
import gc
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from resnet_lab.errors import UserError, printable

Options = TypeVar("Options")


def parse(
    cls: Callable[..., Options],
    *,
    prog: str,
    description: str,
    argv: Sequence[str] | None = None,
    underscores: bool = False,
) -> Options:
    """Parse a command line into a dataclass with tyro; `underscores` shows names as they are written in Python.

    Raises UserError with one line where tyro would draw a box of a dozen lines.
    """
    import tyro

    _require_values(sys.argv[1:] if argv is None else argv, prog)
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(
                cls,
                prog=prog,
                description=description,
                args=argv,
                use_underscores=underscores,
                config=(tyro.conf.EnumChoicesFromValues, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as stop:
        if stop.code != UserError.exit_code:
            raise
    raise UserError(_error_message(captured.getvalue(), prog))


_UNREAD = re.compile(r"Error parsing (--[\w-]+): Could not find valid parse for arguments: \[(.*?)\]")


def _require_values(argv: Sequence[str], prog: str) -> None:
    """Raise UserError for what tyro would take without a word: an option with no value, and the word None."""
    for option, following in zip(argv, [*argv[1:], "--"], strict=False):
        if option in _LISTS and following.startswith("--"):
            raise UserError(f"{option} has no value: give one or more, or leave it out. See {prog} --help")
        if option.startswith("--") and following == "None":
            raise UserError(f"{option} None: None is no value, leave the option out. See {prog} --help")


_LISTS = ("--seeds", "--set", "--arm", "--only", "--blocks", "--experiment", "--mode")
"""Options that take several values, and for which none would pass for the default."""


def _error_message(box: str, prog: str) -> str:
    """Reduce tyro's box to its message and the names it suggests."""
    lines = [line.strip("│|╭╮╰╯+ ") for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()[1:]]
    parts = [part.strip() for part in re.split(r"[─-]{3,}", " ".join(lines)) if part.strip()]
    message, rest = parts[0], " ".join(parts[1:])
    if unread := _UNREAD.search(message):
        option, values = unread.groups()
        values = re.sub("[',]", "", values)
        return f"{option} {values}: it takes another kind of value. See {prog} --help"
    similar = re.findall(r"(--[a-z][a-z-]*)", rest.partition("For full helptext")[0]) if "meant" in rest else []
    hint = f" Perhaps you meant {' or '.join(dict.fromkeys(similar))}." if similar else ""
    return f"{' '.join(message.split()).rstrip('.')}.{hint} See {prog} --help"


@contextlib.contextmanager
def reporting() -> Iterator[None]:
    """Turn a UserError into one line on stderr and exit code 2, and so a file that cannot be read or written."""
    # At its end Python collects what the libraries hold in cycles: 1.5 s of CPU after the last line, for nothing.
    atexit.register(gc.freeze)
    try:
        yield
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.filename is None:  # no file of the user's
            raise
        print(f"error: {error.strerror}: {printable(str(error.filename))}", file=sys.stderr)
        sys.exit(UserError.exit_code)
