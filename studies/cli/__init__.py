"""The commands of studies: `python -m studies.<question>` and `python -m studies.plan`."""

from typing import TYPE_CHECKING

from resnet_lab.system.first_use import imported_on_first_use

if TYPE_CHECKING:
    from studies.cli.command import main

__all__ = ["main"]

__getattr__ = imported_on_first_use(__name__, {"main": "command"})
