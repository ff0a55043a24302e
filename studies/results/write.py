"""The outcome of a plan: its table and figure on screen and on disk, from what is in memory."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from analysis.comparison.arms import ArmRow, as_dict
from analysis.comparison.bootstrapped import bootstrapped
from analysis.comparison.controls import against_controls
from analysis.comparison.decisions import decisions
from analysis.report.data import ReportData
from analysis.report.sections.equivalence import equivalent_arms
from analysis.report.sections.identity import identity_lines
from analysis.report.stamp import fresh_files
from analysis.report.write import table_texts, write_page, write_tables
from analysis.results.plan_record import SEQUENTIAL, PlanRecord, ReportSection
from analysis.results.trials import FAULTS
from analysis.tables import bootstrap_words, claim_words, control_words
from analysis.tables.fault_words import RED, fault_sentence
from analysis.tables.footnotes import explain
from analysis.tables.labels import full_label
from analysis.tables.table import render
from resnet_lab.outcomes import Status, with_sentence
from resnet_lab.spec.recipes import recipe_lines
from resnet_lab.trials.trial import Trial
from studies.audit import text as audit_text
from studies.audit.audit import Audit
from studies.plan.claims import claims_of, unanswerable
from studies.plan.plan import Plan, recipe_of
from studies.results.measures import failures_of
from studies.results.outcomes import Row, outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyReport:
    """A report on disk, and the data it is made of."""

    folder: Path
    data: ReportData
    files: list[Path]
    """Those written so far, or all of them where the report is fresh."""
    is_fresh: bool
    """Whether the report on disk is what would have been written, and was left alone."""

    @property
    def runs(self) -> Sequence[Row]:
        return self.data.runs  # type: ignore[return-value]  # rows are written as they are

    @property
    def rows(self) -> Sequence[ArmRow]:
        return self.data.rows

    def write_page(self, launch: dict[str, Any]) -> list[Path]:
        """Write the page, which says what the launch knows of its command, time and tracking; return its files."""
        return write_page(dataclasses.replace(self.data, launch=launch), self.folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOutcome:
    """The trials of an audited plan, and sections for its report."""

    audit: Audit
    trials: Sequence[Trial]
    sections: tuple[ReportSection, ...] = ()
    check_claims: bool = False
    """Whether the answers to the study's claims are printed, too."""
    verdict: bool = False
    """Whether the JSON is the decision on each arm alone."""

    @property
    def compared(self) -> tuple["PlanOutcome"]:
        return (self,)

    def report(self, out: Path, console: Console, *, as_json: bool) -> list[StudyReport]:
        """Summarise, print and write the study.

        The JSON is the table; with sections it is an object of the table and each section's content.
        """
        written = self.write(out)
        if self.verdict:
            print(json.dumps(decisions(written.rows, written.data.comparisons), indent=2))
        elif as_json:
            table: Any = [as_dict(row) for row in written.rows]
            more = {section.name: section.content for section in written.data.plan.sections}
            more |= {each.name: [as_dict(row) for row in each.rows] for each in written.data.measured}
            more |= {"claims": claim_words.content(written.data.claims)} if self.check_claims else {}
            print(json.dumps({"table": table, **more} if more else table, indent=2))
        else:
            self._print(console, written)
        return [written]

    def write(self, out: Path) -> StudyReport:
        """Summarise the study and write its tables and its figure, unless they are there already."""
        plan = self.audit.plan
        folder = out / "reports" / plan.title
        folder.mkdir(parents=True, exist_ok=True)
        data = with_controls(
            ReportData.of(
                plan=plan_record(plan, self.sections, self.trials),
                runs=outcomes(plan, self.trials),
                audit=audit_text.as_dict(self.audit),
                launch={},
                trials_root=out.absolute() / "trials",
            )
        )
        data = with_bootstrap(data) if plan.bootstrap else data
        fresh = fresh_files(folder, table_texts(data), [trial.folder for trial in self.trials])
        files = fresh or write_tables(data, folder)
        return StudyReport(folder=folder, data=data, files=files, is_fresh=bool(fresh))

    def _print(self, console: Console, written: StudyReport) -> None:
        plan, rows = self.audit.plan, written.rows
        console.print()
        console.print(render(rows, title=plan.study.question, width=console.width))
        if faulty := fault_sentence(rows):
            console.print(faulty, highlight=False, style=RED)
        console.print(
            explain(rows, plan.baseline(), listed=0).removeprefix(f"{faulty}\n"), highlight=False, style="dim"
        )
        if plan.margin and not any(section.name == SEQUENTIAL for section in self.sections):
            alike = equivalent_arms(written.data.comparisons, plan.margin)
            console.print(alike, highlight=False, markup=False)
        console.print("\n".join(audit_text.lines(self.audit, console.width)), highlight=False, markup=False)
        for line in identity_lines(written.data):
            console.print(line, highlight=False, markup=False)
        if (recipe := recipe_of(plan)) is not None:
            for line in recipe_lines(recipe, (*plan.arm, *plan.context)):
                console.print(line, highlight=False, markup=False)
        for line, style in _failures(plan, written.runs):
            console.print(line, highlight=False, markup=False, style=style)
        for each in written.data.measured:
            console.print()
            console.print(render(each.rows, title=each.title, width=console.width, metric=each.metric))
            for sentence in each.failures:
                console.print(f"not measured: {sentence}", highlight=False, markup=False)
        for section in written.data.plan.sections:
            console.print(f"\n{section.text}", highlight=False, markup=False)
        if self.check_claims:
            lost = unanswerable(plan)
            console.print(f"\n{claim_words.text(written.data.claims, lost)}", highlight=False, markup=False)
        if written.is_fresh:
            console.print("Nothing has changed since the report was written: it stays as it is.", highlight=False)


def with_controls(data: ReportData) -> ReportData:
    """Return the data with a section on the arms against their matched controls, where there are some."""
    if not data.plan.controls:
        return data
    matched = against_controls(data.runs, data.plan.controls, data.rows)
    section = ReportSection(
        name="matched_controls",
        text=control_words.text(matched, data.plan.controls, data.rows),
        content=control_words.content(matched),
    )
    return _with_section(data, section)


def with_bootstrap(data: ReportData) -> ReportData:
    """Return the data with a section on bootstrap-t intervals next to Student's."""
    arms = bootstrapped(data.runs, data.rows)
    section = ReportSection(
        name="bootstrap_intervals", text=bootstrap_words.text(arms), content=bootstrap_words.content(arms)
    )
    return _with_section(data, section)


def _with_section(data: ReportData, section: ReportSection) -> ReportData:
    return dataclasses.replace(data, plan=dataclasses.replace(data.plan, sections=(section, *data.plan.sections)))


def _failures(plan: Plan, runs: Sequence[Row]) -> list[tuple[str, str]]:
    """Return a line per failed run, and its style."""
    failed = [run for run in runs if run["status"] == Status.FAILED]
    return [
        (
            f"failed: {_name(plan, run)}, seed {run['seed']}: "
            f"{with_sentence(run['reason'], run.get('detail', ''))} ({run['trial']})",
            RED if run.get(FAULTS) else "",
        )
        for run in failed
    ]


def _name(plan: Plan, run: Row) -> str:
    """Return the context and the arm of a run in a line."""
    return full_label({name: run[name] for name in (*plan.context, *plan.arm)})


def _measures(plan: Plan, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return the study's measures as JSON takes them, each with what could not be measured."""
    lost = list(failures_of(plan.study.measures, trials))
    return [
        {
            "name": each.name,
            "metric": each.metric,
            "title": each.title,
            "failures": [f"{trial.name}: {sentence}" for measure, trial, sentence in lost if measure is each],
        }
        for each in plan.study.measures
    ]


def plan_record(plan: Plan, sections: tuple[ReportSection, ...] = (), trials: Sequence[Trial] = ()) -> PlanRecord:
    """Return a plan as its report knows it."""
    return PlanRecord(
        study=plan.study.name,
        question=plan.study.question,
        scale=plan.scale,
        dataset=plan.cells[0].data.name.value,
        design=plan.design.value,
        variant=plan.variant,
        arm=plan.arm,
        context=plan.context,
        baseline=plan.baseline(),
        controls=audit_text.controls(plan),
        recipe=recipe_of(plan),
        implies=[
            {"field": name, "value": value, "changes": dict(changes)}
            for (name, value), changes in plan.study.implies.items()
        ],
        aliases=plan.aliases,
        seeds=plan.seeds,
        splits=plan.splits,
        searches=plan.searches,
        margin=plan.margin,
        correction=plan.correction.value,
        sections=sections,
        runs=plan.rows(),
        measures=_measures(plan, trials),
        claims=[claim.as_dict() for claim in claims_of(plan)],
    )
