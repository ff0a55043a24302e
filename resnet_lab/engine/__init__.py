"""Training: from a RunSpec to weights and figures."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resnet_lab.engine.session import train

__all__ = ["train"]


def __getattr__(name: str) -> Any:
    """Import what is asked for on first use: importing the package loads no torch."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("resnet_lab.engine.session"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
