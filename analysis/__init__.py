"""Analysis of runs and checkpoints: statistics, figures, tables and reports. Trains nothing."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.results.load import load_study

__all__ = ["load_study"]


def __getattr__(name: str) -> Any:
    """Import what is asked for on first use: `import analysis` alone loads nothing."""
    if name == "load_study":
        from analysis.results.load import load_study

        return load_study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
