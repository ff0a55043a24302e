"""The commands of studies: `python -m studies.<question>` and `python -m studies.plan`."""

from studies.cli.command import main

__all__ = ["main"]
