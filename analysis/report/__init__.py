"""A study's report: one HTML page that holds everything, the same in Markdown, tables in LaTeX and CSV."""

from typing import TYPE_CHECKING

from resnet_lab.system.first_use import imported_on_first_use

if TYPE_CHECKING:
    from analysis.report.write import write_report

__all__ = ["write_report"]

__getattr__ = imported_on_first_use(__name__, {"write_report": "write"})
