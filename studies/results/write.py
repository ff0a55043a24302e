"""The end of a study: table, figure and paths, on screen, on disk and on the parent run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from analysis.comparison.arms import ArmRow, as_dict
from analysis.comparison.compare import compare
from analysis.figures.arms import plot_arms
from analysis.report.sections.equivalence import equivalent_arms
from analysis.report.stamp import fresh_files
from analysis.tables.footnotes import explain
from analysis.tables.table import markdown, render
from resnet_lab.system import atomic
from resnet_lab.trials.trial import Trial
from studies.audit import text as audit_text
from studies.audit.audit import Audit
from studies.plan.plan import Plan
from studies.results.outcomes import Row, rows_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What a study tells beside its main table; `content` is what JSON takes."""

    name: str
    text: str
    content: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A report on disk, and what it is made of."""

    audit: Audit
    runs: list[Row]
    rows: list[ArmRow]
    sections: tuple[Section, ...]
    files: list[Path]
    kept: bool
    """Whether the report on disk is what would have been written, and was left alone."""

    def table(self) -> list[Any]:
        """Return the main table as JSON takes it."""
        return [as_dict(row) for row in self.rows]


def report(
    audit: Audit,
    trials: Sequence[Trial],
    out: Path,
    console: Console,
    *,
    as_json: bool,
    sections: Sequence[Section] = (),
) -> tuple[list[Row], list[Path]]:
    """Summarise, print and write the study. Returns the runs and the files written.

    The JSON is the table; with sections it is an object of the table and each section's content.
    """
    written = write(audit, trials, out, sections)
    if as_json:
        table = written.table()
        more = {section.name: section.content for section in sections}
        print(json.dumps({"table": table, **more} if more else table, indent=2))
    else:
        _print(console, written)
    return written.runs, written.files


def write(audit: Audit, trials: Sequence[Trial], out: Path, sections: Sequence[Section] = ()) -> Written:
    """Summarise the study and write its tables and its figure."""
    plan = audit.plan
    runs, rows = rows_of(plan, trials)
    folder = out / "reports" / plan.title
    folder.mkdir(parents=True, exist_ok=True)
    contents = _contents(audit, runs, rows, sections)
    kept = fresh_files(folder, contents, [trial.folder for trial in trials])
    files = kept or [*_write_tables(folder, contents), *_plot(folder, plan, runs, rows)]
    return Written(audit=audit, runs=runs, rows=rows, sections=tuple(sections), files=files, kept=bool(kept))


def _print(console: Console, written: Written) -> None:
    plan, rows = written.audit.plan, written.rows
    console.print()
    console.print(render(rows, title=plan.study.question, width=console.width))
    console.print(explain(rows, plan.baseline()), highlight=False, style="dim")
    if plan.margin and not any(section.name == "sequential" for section in written.sections):  # which has its own rule
        alike = equivalent_arms(compare(written.runs, rows, margin=plan.margin), plan.margin)
        console.print(alike, highlight=False, markup=False)
    console.print("\n".join(audit_text.lines(written.audit)), highlight=False, markup=False)
    for run in written.runs:
        if run["status"] == "failed":
            varied = " ".join(str(run[name]) for name in (*plan.context, *plan.arm))
            console.print(f"failed: {varied} seed {run['seed']}: {run['reason']} ({run['trial']})", highlight=False)
    for section in written.sections:
        console.print(f"\n{section.text}", highlight=False, markup=False)
    if written.kept:
        console.print("Nothing has changed since the report was written: it stays as it is.", highlight=False)


def _contents(audit: Audit, runs: Sequence[Row], rows: Sequence[ArmRow], sections: Sequence[Section]) -> dict[str, str]:
    """Return the tables by file name."""
    plan, told = audit.plan, "\n".join(audit_text.lines(audit))
    told += "".join(f"\n\n```\n{section.text}\n```" for section in sections)
    contents = {
        **{f"{section.name}.json": json.dumps(section.content, indent=2) for section in sections},
        "plan.json": json.dumps(plan_facts(plan, sections), indent=2),
        "runs.json": json.dumps(runs, indent=2),
        "table.json": json.dumps([as_dict(row) for row in rows], indent=2),
        "table.md": f"{markdown(rows)}\n{explain(rows, plan.baseline())}\n{told}",
        "audit.json": json.dumps(audit_text.as_dict(audit), indent=2),
    }
    return {name: f"{text}\n" for name, text in contents.items()}


def _write_tables(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    for name, text in contents.items():
        atomic.write(folder / name, text.encode())
    return [folder / name for name in contents]


def _plot(folder: Path, plan: Plan, runs: Sequence[Mapping[str, Any]], rows: Sequence[ArmRow]) -> list[Path]:
    if not any(row.n for row in rows):
        return []
    return plot_arms(
        runs,
        rows,
        arm=tuple(plan.arm),
        context=tuple(plan.context),
        title=plan.study.question,
        out=folder / "figure",
    )


def closing_lines(files: Sequence[Path], out: Path, seconds: Mapping[str, float]) -> list[str]:
    """Return where things are and what the time went into."""
    outside = sum(value for name, value in seconds.items() if name != "training")
    return [
        f"table, runs and figure: {files[0].parent}",
        *(f"report: {path}" for path in files if path.name == "report.html"),
        f"trials and checkpoints: {out / 'trials'}",
        f"{seconds['training']:.0f} s of training, {outside:.1f} s around it",
    ]


class Told(Protocol):
    """What a study tells beside its main table: `studies.results.write.Section`."""

    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...


def plan_facts(plan: Plan, sections: Sequence[Told] = ()) -> dict[str, Any]:
    """Return a plan as JSON takes it, with the text of the report's further sections."""
    return {
        "study": plan.study.name,
        "question": plan.study.question,
        "scale": plan.scale,
        "dataset": plan.cells[0].data.name.value,
        "design": plan.design.value,
        "variant": plan.variant,
        "arm": {name: list(levels) for name, levels in plan.arm.items()},
        "context": {name: list(levels) for name, levels in plan.context.items()},
        "baseline": plan.baseline(),
        "implies": [
            {"field": name, "value": value, "changes": dict(changes)}
            for (name, value), changes in plan.study.implies.items()
        ],
        "aliases": list(plan.aliases),
        "seeds": list(plan.seeds),
        "margin": plan.margin,
        "sections": [{"name": section.name, "text": section.text} for section in sections],
        "runs": plan.rows(),
    }
