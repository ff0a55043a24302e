"""From a study's folder to its report."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from analysis.curves import plot_curves
from analysis.ecdf import plot_ecdf
from analysis.folders import ReportFolder
from analysis.interactions import plot_interactions
from analysis.report import closing, opening, results
from analysis.report.document import Block, Code, Document, Picture, Section
from analysis.report.equivalence import equivalence
from analysis.report.facts import Facts, read_facts
from analysis.report.render import to_html, to_markdown
from analysis.report.tables import to_csv, to_latex
from analysis.report.verdicts import published
from resnet_lab import atomic

FIGURES = {
    "figure": "Every seed, and each arm's mean with its interval.",
    "curves": "Mean validation error after each epoch, with a 95 % Student-t band.",
    "ecdf": "Empirical distribution of the test error over seeds.",
    "interactions": "Interactions between the factors.",
}


def write_report(folder: Path) -> list[Path]:
    """Write report.html, report.md, table.tex, table.csv and the figures into a study's folder; return all paths.

    The folder is what a study leaves, with runs.json and plan.json; the trials lie beside it. The page is one file
    that loads nothing. Raises UserError for a folder that a study did not leave whole.
    """
    return write_facts(read_facts(ReportFolder(folder)), folder)


def write_facts(facts: Facts, folder: Path) -> list[Path]:
    """Write the files of a report that is read already, as `write_report` does."""
    figures = [
        *plot_curves(facts.runs, facts.histories, facts.rows, out=folder / "curves"),
        *plot_ecdf(facts.runs, facts.rows, out=folder / "ecdf"),
        *plot_interactions(facts.runs, facts.tables, out=folder / "interactions"),
    ]
    document = compose(facts, folder)
    contents = {
        "report.html": to_html(document),
        "report.md": to_markdown(document),
        "table.tex": to_latex(facts.rows),
        "table.csv": to_csv(facts.rows, facts.comparisons),
    }
    for name, text in contents.items():
        atomic.write(folder / name, text.encode())
    return [*(folder / name for name in contents), *figures]


def compose(facts: Facts, folder: Path) -> Document:
    """Return the report without a format; the figures are those that lie in the folder."""
    plan = facts.plan
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts: dict[str, list[Iterable[Block]]] = {
        "Summary": [opening.summary(facts)],
        "Design and audit": [opening.design(facts)],
        "Results": [results.arms(facts), _picture(folder, "figure")],
        "Comparisons": [results.comparisons(facts), equivalence(facts)],
        **{_title(more): [[Code(str(more["text"]))]] for more in plan.get("sections", ())},
        "Factorial analysis": [results.variance(facts), _picture(folder, "interactions") if facts.tables else []],
        "Learning curves": [_picture(folder, "curves")],
        "Distribution over seeds": [_picture(folder, "ecdf")],
        "Published figures": [published(facts)],
        "Failed trials": [closing.failures(facts)],
        "Costs": [closing.costs(facts)],
        "Environment": [closing.environment(facts)],
        "How to reproduce": [closing.reproduce(facts)],
    }
    sections = [Section(title, [block for part in made_of for block in part]) for title, made_of in parts.items()]
    return Document(
        title=str(plan["question"]),
        subtitle=f"Study {plan['study']} at scale {plan['scale']} on {plan['dataset']}, written {made}",
        sections=[section for section in sections if section.blocks],
    )


def _title(section: Mapping[str, object]) -> str:
    return str(section["name"]).replace("_", " ").capitalize()


def _picture(folder: Path, name: str) -> Iterator[Block]:
    path = folder / f"{name}.svg"
    if path.exists():
        yield Picture(path, FIGURES[name])
