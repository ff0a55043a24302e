"""Commands of a package: their list, and each of them by its name."""

import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from resnet_lab.errors import UserError
from resnet_lab.listings.output import JsonOption, print_json, print_table
from resnet_lab.system.command import parse, reporting


def main(package: str, commands: Mapping[str, str], argv: Sequence[str] | None = None) -> None:
    """List a package's commands, {name: what it does}, or run the one that is named. Exits with 2 for an unknown one.

    `python -m PACKAGE NAME ...` is `python -m PACKAGE.NAME ...`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    with reporting():
        if arguments and not arguments[0].startswith("-"):
            _run(package, commands, arguments)
            return
        options = parse(
            JsonOption, prog=f"python -m {package}", description=f"The commands of {package}.", argv=arguments
        )
        rows = [{"command": f"python -m {package}.{name}", "does": does} for name, does in commands.items()]
        if options.json:
            print_json(rows)
        else:
            print_table(rows, wrapped=("does",))


def _run(package: str, commands: Mapping[str, str], arguments: Sequence[str]) -> None:
    name = arguments[0]
    if name not in commands:
        raise UserError(f"there is no command {name!r}: the commands of {package} are {', '.join(commands)}")
    run_module(f"{package}.{name}", arguments[1:])


def run_module(module: str, arguments: Sequence[str]) -> None:
    """Run a module as `python -m MODULE ARGUMENTS` does, in this process."""
    sys.argv = [sys.argv[0], *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def run_file(path: Path, arguments: Sequence[str]) -> None:
    """Run a file as `python FILE ARGUMENTS` does, in this process. Raises UserError where there is none."""
    if not path.is_file():
        raise UserError(f"there is no file {path}: name one that exists, or a command")
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.parent.absolute()))
    runpy.run_path(str(path), run_name="__main__")
