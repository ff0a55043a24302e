"""Path lengths of a network's gradient: exact spectrum and Monte Carlo."""

from typing import TYPE_CHECKING

from resnet_lab.system.first_use import imported_on_first_use

if TYPE_CHECKING:
    from analysis.paths.any_network import run

__all__ = ["run"]

__getattr__ = imported_on_first_use(__name__, {"run": "any_network"})
