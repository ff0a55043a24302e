"""From an open search's folder to its report."""

from pathlib import Path

from analysis.folders import ReportFolder
from analysis.parallel import plot_parallel
from analysis.progress import plot_progress
from analysis.report import search_page as page
from analysis.report import search_rest as rest
from analysis.report.assemble import Parts, now, picture, sections, write_document
from analysis.report.document import Document
from analysis.report.reproduce import environment, reproduce
from analysis.report.search_facts import SearchFacts, read_search
from analysis.report.tables import csv_text, tabular

FIGURES = {
    "parallel": "Every trial's values and validation error.",
    "progress": "Validation error in the order of proposal.",
}


def write_search(source: ReportFolder) -> list[Path]:
    """Write report.html, report.md, table.tex, trials.csv and the figures; return all paths.

    Raises UserError for a folder that a search did not leave whole.
    """
    facts, folder = read_search(source), source.path
    figures = [
        *plot_parallel(facts.trials, facts.space, out=folder / "parallel"),
        *plot_progress(facts.trials, out=folder / "progress"),
    ]
    headers, rows = page.best_table(facts)
    tables = {"table.tex": tabular(headers, rows, len(facts.space) + 1), "trials.csv": csv_text(facts.trials)}
    return [*write_document(compose(facts, folder), folder, tables), *figures]


def compose(facts: SearchFacts, folder: Path) -> Document:
    """Return the report without a format; the figures are those that lie in the folder."""
    content = facts.content
    parts: Parts = {
        "Summary": [page.summary(facts)],
        "Search": [page.asked(facts)],
        "Best trials": [page.best_trials(facts)],
        "Importance": [page.importance(facts)],
        "Parallel coordinates": [picture(FIGURES, folder, "parallel")],
        "Optimisation history": [picture(FIGURES, folder, "progress")],
        "Pruned and failed trials": [rest.unfinished(facts)],
        "Costs": [rest.costs(facts)],
        "Environment": [environment(facts)],
        "How to reproduce": [rest.confirm(facts), reproduce(facts)],
    }
    place = f"study {content['study']} at scale {content['scale']} on {content['dataset']}"
    return Document(
        title=str(content["question"]), subtitle=f"Open search in {place}, written {now()}", sections=sections(parts)
    )
