"""The one writer of a report's folder: tables first, then the page, both from memory."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis.comparison.arms import as_dict
from analysis.figures.arms import plot_arms
from analysis.figures.batch_accuracy import plot_batches
from analysis.figures.ecdf import plot_ecdf
from analysis.figures.interactions import plot_interactions
from analysis.figures.learning_curves import plot_curves
from analysis.figures.loss_and_error import plot_loss_and_error
from analysis.figures.pareto import plot_pareto, sizes_differ
from analysis.report.assemble import Parts, now, picture, sections, write_document, write_launch
from analysis.report.data import Measured, ReportData
from analysis.report.document import Block, Code, Document
from analysis.report.exports import to_csv, to_latex
from analysis.report.search.data import SearchData
from analysis.report.search.write import write_search
from analysis.report.sections import design_effects, results
from analysis.report.sections.analysis_plan import analysis_plan
from analysis.report.sections.claims import claims
from analysis.report.sections.costs import costs
from analysis.report.sections.design import design
from analysis.report.sections.equivalence import equivalence
from analysis.report.sections.failures import failures
from analysis.report.sections.identity import identity
from analysis.report.sections.measures import measure
from analysis.report.sections.over_images import over_images, two_way_csv
from analysis.report.sections.published import published
from analysis.report.sections.reproduce import environment, notices, reproduce
from analysis.report.sections.summary import summary
from analysis.report.sections.trials import trials
from analysis.results.plan_record import ReportSection
from analysis.results.report_folder import ReportFolder
from analysis.tables import claim_words
from analysis.tables.audit_words import audit_lines
from analysis.tables.footnotes import explain
from analysis.tables.table import markdown
from resnet_lab.errors import UserError
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.system import atomic

FIGURES = {
    "figure": "Every seed, and each arm's mean with its interval.",
    "curves": "Training and validation loss and error after each epoch: means with 95 % Student-t bands.",
    "loss_and_error": "Training loss (dashed, left) and error (solid, right), as figure 6 of He et al. 2016 has them.",
    "batches": "Training accuracy by mini-batch: means with 95 % Student-t bands.",
    "tuning_curves": "Tuning curves: the least validation error of the first trials of each arm's searches.",
    "ecdf": "Empirical distribution of the test error over seeds.",
    "pareto": "Test error against parameters, FLOPs and seconds of training, and the Pareto front.",
    "interactions": "Interactions between the factors.",
}


def write_report(folder: Path, *, pareto: bool = False) -> list[Path]:
    """Write the page of a study's folder again: report.html and .md, table.tex and .csv, figures; return all paths.

    The Pareto figure is drawn where arms differ in parameters or FLOPs, or where it is asked for by `pareto`: then
    UserError says where there are no two arms to draw.

    The folder is what a study leaves, with runs.json and plan.json, or an open search, with search.json; the trials
    lie next to the folder of reports. The page is one file that loads nothing. Raises UserError for a folder that was
    not left whole.
    """
    source = ReportFolder(folder)
    if source.is_search:
        if pareto:
            raise UserError(f"{folder} is an open search, which compares no arms: leave out --figure pareto")
        return write_search(SearchData.read(source), folder)
    return write_page(ReportData.read(source), folder, pareto=pareto)


def table_texts(data: ReportData) -> dict[str, str]:
    """Return the tables of a report by file name, as `write_tables` writes them."""
    sections = data.plan.sections
    contents = {
        **{f"{section.name}.json": _json(section.content) for section in sections if section.content is not None},
        "plan.json": _json(data.plan.as_dict()),
        "runs.json": _json(list(data.runs)),
        "table.json": _json([as_dict(row) for row in data.rows]),
        "table.md": _table_markdown(data, sections),
        "audit.json": _json(data.audit),
        **{f"{each.name}.json": _json([as_dict(row) for row in each.rows]) for each in data.measured},
        "claims.json": _json(claim_words.content(data.claims)),
    }
    left_out = {*([] if data.audit is not None else ["audit.json"]), *([] if data.claims else ["claims.json"])}
    return {name: f"{text}\n" for name, text in contents.items() if name not in left_out}


def _json(content: object) -> str:
    return json.dumps(content, indent=2)


def _table_markdown(data: ReportData, sections: Sequence[ReportSection]) -> str:
    plan = data.plan
    lines = audit_lines(data.audit, arm=plan.arm, context=plan.context, aliases=plan.aliases) if data.audit else []
    measures = "".join(f"\n\n{each.title}\n\n{markdown(each.rows, each.metric)}" for each in data.measured)
    blocks = measures + "".join(f"\n\n```\n{section.text}\n```" for section in sections)
    return f"{markdown(data.rows)}\n{explain(data.rows, data.baseline)}\n" + "\n".join(lines) + blocks


def write_tables(data: ReportData, folder: Path) -> list[Path]:
    """Write the texts of `table_texts` (plan, runs, table, audit, claims, a file a section) and the main figure.

    Returns their paths. They are what a launch prints and logs before it ends; `write_page` writes the rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = table_texts(data)
    for name, text in texts.items():
        atomic.write(folder / name, text.encode())
    return [*(folder / name for name in texts), *_plot(data, folder)]


def _plot(data: ReportData, folder: Path) -> list[Path]:
    """Draw the main figure and one of each measure, where there is something to draw."""
    drawn = [("figure", data.plan.question, TEST_ERROR, data.rows)]
    drawn += [(each.name, each.title, each.metric, each.rows) for each in data.measured]
    return [
        path
        for name, title, metric, rows in drawn
        if any(row.n for row in rows)
        for path in plot_arms(
            data.runs, rows, arm=data.arm, context=data.context, metric=metric, title=title, out=folder / name
        )
    ]


def write_page(data: ReportData, folder: Path, *, pareto: bool = False) -> list[Path]:
    """Write report.html, report.md, table.tex, table.csv, two_way.csv, curves, ecdf and interactions; return
    paths.

    The main figure is the one that lies in the folder. launch.json, which a report that is written again reads, is no
    part of the page and is not among the paths.
    """
    write_launch(data.launch, folder)
    figures = [
        *plot_curves(data.curves, data.rows, out=folder / "curves"),
        *plot_loss_and_error(data.curves, data.rows, out=folder / "loss_and_error"),
        *plot_batches(data.runs, data.batches, data.rows, out=folder / "batches"),
        *plot_ecdf(data.runs, data.rows, out=folder / "ecdf"),
        *_plot_pareto(data, folder, pareto),
        *plot_interactions(data.designed_runs, data.tables, out=folder / "interactions"),
    ]
    document = compose(data, folder)
    tables = {
        "table.tex": to_latex(data.rows),
        "table.csv": to_csv(data.rows, data.comparisons),
        "two_way.csv": two_way_csv(data.over_images),
    }
    return [*write_document(document, folder, tables), *figures]


def _plot_pareto(data: ReportData, folder: Path, asked: bool) -> list[Path]:
    built = (data.audit or {}).get("cells", ())
    out = folder / "pareto"
    if not (asked or sizes_differ(data.rows, built) or out.with_suffix(".svg").exists()):  # one that was asked for
        return []
    drawn = plot_pareto(data.runs, data.rows, built, out=out)
    if asked and not drawn:
        raise UserError(f"{folder} has fewer than two arms with a mean test error: complete its trials first")
    return drawn


def compose(data: ReportData, folder: Path) -> Document:
    """Return the report without a format; the figures are those that lie in the folder."""
    plan = data.plan
    parts: Parts = {
        "Summary": [picture(FIGURES, folder, "figure", is_lead=True), summary(data)],
        "Design and audit": [design(data), identity(data), analysis_plan(folder)],
        "Results": [results.arms(data), over_images(data)],
        "Comparisons": [results.comparisons(data), equivalence(data)],
        "Claims": [claims(data)],
        "Steps": [design_effects.steps(data)],
        "Main effects": [design_effects.screening(data)],
        **{_title(each): [measure(data, each, folder)] for each in data.measured},
        **{_title(section): [[Code(section.text)], _figure_of(section, folder)] for section in plan.sections},
        "Factorial analysis": [
            results.variance(data),
            picture(FIGURES, folder, "interactions") if data.tables else [],
        ],
        "Learning curves": [picture(FIGURES, folder, name) for name in ("curves", "loss_and_error", "batches")],
        "Distribution over seeds": [picture(FIGURES, folder, "ecdf")],
        "Published figures": [published(data)],
        "Failed trials": [failures(data)],
        "Repaired trials": [notices(data)],
        "Trials": [trials(data)],
        "Costs": [costs(data), picture(FIGURES, folder, "pareto")],
        "Environment": [environment(data)],
        "How to reproduce": [reproduce(data)],
    }
    return Document(
        title=plan.question,
        subtitle=f"Study {plan.study} at scale {plan.scale} on {plan.dataset}, written {now()}",
        sections=sections(parts),
    )


def _figure_of(section: ReportSection, folder: Path) -> Iterable[Block]:
    """Return the figure that a mode drew for its section, which lies in the folder."""
    return picture(FIGURES, folder, "tuning_curves") if section.name == "tuning" else []


def _title(section: ReportSection | Measured) -> str:
    return section.name.replace("_", " ").capitalize()
