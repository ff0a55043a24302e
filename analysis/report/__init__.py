"""A study's report: one HTML page that holds everything, the same in Markdown, tables in LaTeX and CSV."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.report.write import write_report

__all__ = ["write_report"]


def __getattr__(name: str) -> Any:
    """Load the writer when it is asked for: its parts are modules of this package and import it first."""
    if name == "write_report":
        from analysis.report.write import write_report

        return write_report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
