"""From a study's folder to its report."""

from collections.abc import Mapping
from pathlib import Path

from analysis.figures.ecdf import plot_ecdf
from analysis.figures.interactions import plot_interactions
from analysis.figures.learning_curves import plot_curves
from analysis.report.assemble import Parts, now, picture, sections, write_document
from analysis.report.data import ReportData, read_data
from analysis.report.document import Code, Document
from analysis.report.exports import to_csv, to_latex
from analysis.report.search.write import write_search
from analysis.report.sections import design_effects, results
from analysis.report.sections.costs import costs
from analysis.report.sections.design import design
from analysis.report.sections.equivalence import equivalence
from analysis.report.sections.failures import failures
from analysis.report.sections.published import published
from analysis.report.sections.reproduce import environment, reproduce
from analysis.report.sections.summary import summary
from analysis.results.report_folder import ReportFolder

FIGURES = {
    "figure": "Every seed, and each arm's mean with its interval.",
    "curves": "Mean validation error after each epoch, with a 95 % Student-t band.",
    "ecdf": "Empirical distribution of the test error over seeds.",
    "interactions": "Interactions between the factors.",
}


def write_report(folder: Path) -> list[Path]:
    """Write report.html, report.md, table.tex, table.csv and the figures into a study's folder; return all paths.

    The folder is what a study leaves, with runs.json and plan.json, or an open search, with search.json; the trials
    lie beside it. The page is one file that loads nothing. Raises UserError for a folder that was not left whole.
    """
    source = ReportFolder(folder)
    return write_search(source) if source.is_search else write_data(read_data(source), folder)


def write_data(facts: ReportData, folder: Path) -> list[Path]:
    """Write the files of a report that is read already, as `write_report` does."""
    figures = [
        *plot_curves(facts.runs, facts.histories, facts.rows, out=folder / "curves"),
        *plot_ecdf(facts.runs, facts.rows, out=folder / "ecdf"),
        *plot_interactions(facts.runs, facts.tables, out=folder / "interactions"),
    ]
    document = compose(facts, folder)
    tables = {"table.tex": to_latex(facts.rows), "table.csv": to_csv(facts.rows, facts.comparisons)}
    return [*write_document(document, folder, tables), *figures]


def compose(facts: ReportData, folder: Path) -> Document:
    """Return the report without a format; the figures are those that lie in the folder."""
    plan = facts.plan
    parts: Parts = {
        "Summary": [summary(facts)],
        "Design and audit": [design(facts)],
        "Results": [results.arms(facts), picture(FIGURES, folder, "figure")],
        "Comparisons": [results.comparisons(facts), equivalence(facts)],
        "Steps": [design_effects.steps(facts)],
        "Main effects": [design_effects.screening(facts)],
        **{_title(more): [[Code(str(more["text"]))]] for more in plan.get("sections", ())},
        "Factorial analysis": [
            results.variance(facts),
            picture(FIGURES, folder, "interactions") if facts.tables else [],
        ],
        "Learning curves": [picture(FIGURES, folder, "curves")],
        "Distribution over seeds": [picture(FIGURES, folder, "ecdf")],
        "Published figures": [published(facts)],
        "Failed trials": [failures(facts)],
        "Costs": [costs(facts)],
        "Environment": [environment(facts)],
        "How to reproduce": [reproduce(facts)],
    }
    return Document(
        title=str(plan["question"]),
        subtitle=f"Study {plan['study']} at scale {plan['scale']} on {plan['dataset']}, written {now()}",
        sections=sections(parts),
    )


def _title(section: Mapping[str, object]) -> str:
    return str(section["name"]).replace("_", " ").capitalize()
