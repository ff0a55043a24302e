"""A study's report: one HTML page that holds everything, the same in Markdown, tables in LaTeX and CSV."""

from analysis.report.write import write_report

__all__ = ["write_report"]
