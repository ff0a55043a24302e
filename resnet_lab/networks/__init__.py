"""Networks, one family per file; `build_network` picks one by `model.name`.

Residual blocks are `ablations.block.ResidualBlock` in all of them: analyses that decompose a network know one kind.
"""

from typing import TYPE_CHECKING

from resnet_lab.system.first_use import imported_on_first_use

if TYPE_CHECKING:
    from resnet_lab.networks.build import build_network

__all__ = ["build_network"]

__getattr__ = imported_on_first_use(__name__, {"build_network": "build"})
