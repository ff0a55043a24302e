"""Publication of a launch's reports: the page of each, and its files and arms in MLflow."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from analysis.figures.learning_curves import points_of
from analysis.report.stamp import mark_fresh
from analysis.tables.fault_words import FAULTY
from resnet_lab.spec.labels import short_label
from studies.plan.identity import arm_name
from studies.results.search_report import SearchReport
from studies.results.write import StudyReport

if TYPE_CHECKING:
    from analysis.comparison.arms import ArmRow
    from resnet_lab.tracking import LaunchRun, Tracker
    from resnet_lab.tracking.availability import Availability

Report = StudyReport | SearchReport


def log_tables(reports: Sequence[Report], launch_run: "LaunchRun", store: "Availability") -> None:
    """Copy the files written so far to the launch's run: they are there even where the page cannot be written."""
    for report in reports:
        if isinstance(report, StudyReport) and report.is_fresh:
            continue
        store.attempt(partial(launch_run.log_files, report.files, _artifact_folder(report, reports)))


def publish(
    reports: Sequence[Report],
    tracker: "Tracker",
    launch_run: "LaunchRun",
    spent: Mapping[str, object],
    store: "Availability",
    finished: Mapping[str, str] = MappingProxyType({}),
) -> list[Path]:
    """Write the page of every report, log it with its arms as far as the store takes it, and return the pages' files.

    A page that could not be logged is not fresh: the next launch writes and logs it again. `spent` is what the launch
    has cost: `seconds` by part, and `energy_j` or None. `finished` are the ids of the trials' runs by trial. A fresh
    report keeps its page, which describes the launch that had something to run.
    """
    launch = {
        "argv": sys.argv,
        **spent,
        "ui_command": tracker.ui_command,
        "deep_link": tracker.arms_link,
        "curves_link": tracker.curves_link,
        "launch_link": tracker.run_link(launch_run),
    }
    runs = {trial: tracker.link_of(run_id) for trial, run_id in finished.items()}
    written: list[Path] = []
    for report in reports:
        if isinstance(report, StudyReport) and report.is_fresh:
            continue
        own = {name: runs[name] for run in report.runs if (name := str(run.get("trial"))) in runs}
        pages = report.write_page({**launch, "trial_links": own})
        logged = store.attempt(partial(_log_page, report, pages, _artifact_folder(report, reports), launch_run))
        if isinstance(report, StudyReport) and logged:
            trials = [report.data.trials_root / str(run["trial"]) for run in report.runs]
            mark_fresh(report.folder, [*report.files, *pages], trials)
        written += pages
    return written


def _log_page(report: Report, pages: Sequence[Path], folder: str, launch_run: "LaunchRun") -> None:
    if isinstance(report, StudyReport):
        _log_arms(report, launch_run)
    launch_run.log_files(pages, folder)


def _artifact_folder(report: Report, reports: Sequence[Report]) -> str:
    """Return where a report's files lie among the run's artifacts: at the top where there is one report."""
    return report.folder.name if len(reports) > 1 else ""


def _log_arms(report: StudyReport, launch_run: "LaunchRun") -> None:
    """Log a run per arm: its summary, by the measures taken after training too, and its learning curves.

    They take the place of those that an earlier launch logged of the same report.
    """
    launch_run.discard_arms(report.folder.name)
    data, tags = report.data, {"scale": report.data.plan.scale, "report": report.folder.name}
    for index, row in enumerate(report.rows):
        metrics = _numbers(row)
        for each in data.measured:
            metrics |= {f"{each.metric}/{name}": value for name, value in _numbers(each.rows[index]).items()}
        fields = {**row.context, **row.arm}
        arm, context = arm_name(row.arm, data.baseline), short_label(row.context)
        marked = {"protocol": f"{FAULTY}: {'; '.join(row.faults)}"} if row.faults else {}
        name, curves = f"{arm} {context}".strip(), points_of(data.curves, fields)
        launch_run.log_arm(name, fields, metrics, {**tags, **marked, "arm": arm, "context": context}, curves)


def _numbers(row: "ArmRow") -> dict[str, float]:
    names = ("mean", "low", "high", "n", "sd", "difference")
    return {name: float(getattr(row, name)) for name in names}
