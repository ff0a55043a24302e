"""Path lengths of a network's gradient: exact spectrum and Monte Carlo."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.paths.any_network import run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    """Import what is asked for on first use: importing the package loads no torch."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("analysis.paths.any_network"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
