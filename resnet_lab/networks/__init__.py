"""Networks, one family per file; `build_network` picks one by `model.name`.

Residual blocks are `ablations.block.ResidualBlock` in all of them: analyses that decompose a network know one kind.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resnet_lab.networks.build import build_network

__all__ = ["build_network"]


def __getattr__(name: str) -> Any:
    """Import what is asked for on first use: importing the package loads no torch."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("resnet_lab.networks.build"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
