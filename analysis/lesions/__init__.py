"""Lesions of trained networks: blocks deleted, scaled, exchanged or duplicated."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.lesions.examine import run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    """Import what is asked for on first use: importing the package loads no torch."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("analysis.lesions.examine"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
