"""The report of an open search as files."""

from pathlib import Path

from analysis.figures.optimization_history import plot_progress
from analysis.figures.parallel_coordinates import plot_parallel
from analysis.report.assemble import Parts, now, picture, sections, write_document, write_launch
from analysis.report.document import Document
from analysis.report.exports import csv_text, tabular
from analysis.report.search import sections as page
from analysis.report.search.data import SearchData
from analysis.report.sections.reproduce import environment, reproduce

FIGURES = {
    "parallel": "Every trial's values and validation error.",
    "progress": "Validation error in the order of proposal.",
}


def write_search(facts: SearchData, folder: Path) -> list[Path]:
    """Write report.html, report.md, table.tex, trials.csv and the figures; return all paths.

    launch.json, which a report that is written again reads, is no part of it and is not among the paths.
    """
    write_launch(facts.launch, folder)
    figures = [
        *plot_parallel(facts.trials, facts.space, out=folder / "parallel"),
        *plot_progress(facts.trials, out=folder / "progress"),
    ]
    headers, rows = page.best_table(facts)
    tables = {"table.tex": tabular(headers, rows, len(facts.space) + 1), "trials.csv": csv_text(facts.trials)}
    return [*write_document(compose(facts, folder), folder, tables), *figures]


def compose(facts: SearchData, folder: Path) -> Document:
    """Return the report without a format; the figures are those that lie in the folder."""
    content = facts.content
    parts: Parts = {
        "Summary": [page.summary(facts)],
        "Search": [page.asked(facts)],
        "Best trials": [page.best_trials(facts)],
        "Importance": [page.importance(facts)],
        "Parallel coordinates": [picture(FIGURES, folder, "parallel")],
        "Optimisation history": [picture(FIGURES, folder, "progress")],
        "Pruned and failed trials": [page.unfinished(facts)],
        "Costs": [page.costs(facts)],
        "Environment": [environment(facts)],
        "How to reproduce": [page.confirm(facts), reproduce(facts)],
    }
    place = f"study {content['study']} at scale {content['scale']} on {content['dataset']}"
    return Document(
        title=str(content["question"]), subtitle=f"Open search in {place}, written {now()}", sections=sections(parts)
    )
