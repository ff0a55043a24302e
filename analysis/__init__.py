"""The measurements: reads runs and checkpoints into statistics, figures and tables. Trains nothing."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.results.load import load_study

__all__ = ["load_study"]


def __getattr__(name: str) -> Any:
    """Load what is asked for when it is asked for: `import analysis` alone costs nothing."""
    if name == "load_study":
        from analysis.results.load import load_study

        return load_study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
