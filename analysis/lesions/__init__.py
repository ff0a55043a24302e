"""Lesions of trained networks: blocks deleted, scaled, exchanged or duplicated."""

from typing import TYPE_CHECKING

from resnet_lab.system.first_use import imported_on_first_use

if TYPE_CHECKING:
    from analysis.lesions.examine import run

__all__ = ["run"]

__getattr__ = imported_on_first_use(__name__, {"run": "examine"})
