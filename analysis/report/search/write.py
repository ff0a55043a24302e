"""The report of an open search as files."""

from pathlib import Path

from analysis.figures.search.optimization_history import plot_progress
from analysis.figures.search.parallel_coordinates import plot_parallel
from analysis.report.assemble import Parts, now, picture, sections, write_document, write_launch
from analysis.report.document import Document
from analysis.report.exports import csv_text, tabular
from analysis.report.search import sections as page
from analysis.report.search.data import SearchData
from analysis.report.sections.analysis_plan import analysis_plan
from analysis.report.sections.reproduce import environment, reproduce

FIGURES = {
    "parallel": "Every trial's values and validation error.",
    "progress": "Validation error in the order of proposal.",
}


def write_search(data: SearchData, folder: Path) -> list[Path]:
    """Write report.html, report.md, table.tex, trials.csv and the figures; return all paths.

    launch.json, which a report that is written again reads, is no part of it and is not among the paths.
    """
    write_launch(data.launch, folder)
    figures = [
        *plot_parallel(data.trials, data.space, out=folder / "parallel"),
        *plot_progress(data.trials, out=folder / "progress"),
    ]
    headers, rows = page.best_table(data)
    tables = {"table.tex": tabular(headers, rows, len(data.space) + 1), "trials.csv": csv_text(data.trials)}
    return [*write_document(compose(data, folder), folder, tables), *figures]


def compose(data: SearchData, folder: Path) -> Document:
    """Return the report without a format; the figures are those that lie in the folder."""
    content = data.content
    parts: Parts = {
        "Summary": [page.summary(data)],
        "Search": [page.asked(data), analysis_plan(folder)],
        "Best trials": [page.best_trials(data)],
        "Importance": [page.importance(data)],
        "Parallel coordinates": [picture(FIGURES, folder, "parallel")],
        "Optimisation history": [picture(FIGURES, folder, "progress")],
        "Pruned and failed trials": [page.unfinished(data)],
        "Costs": [page.costs(data)],
        "Environment": [environment(data)],
        "How to reproduce": [page.confirm(data), reproduce(data)],
    }
    place = f"study {content['study']} at scale {content['scale']} on {content['dataset']}"
    return Document(
        title=str(content["question"]), subtitle=f"Open search in {place}, written {now()}", sections=sections(parts)
    )
