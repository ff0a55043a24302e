"""The last step of a launch: the page one would send on, and a run in MLflow for each arm."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.report.data import ReportData
from analysis.report.search.data import SearchData
from analysis.report.search.write import write_search
from analysis.report.stamp import FILE, mark_fresh
from analysis.report.write import write_page
from analysis.results.report_folder import ReportFolder

if TYPE_CHECKING:
    from analysis.comparison.arms import ArmRow
    from resnet_lab.tracking import LaunchRun, Tracker


def close(
    files: Sequence[Path], tracker: "Tracker", parent: "LaunchRun", seconds: Mapping[str, float], joules: float | None
) -> list[Path]:
    """Write the report of every folder that a launch has written to, log it with its arms; return its files.

    `files` are those the launch has written; a folder that holds a study's runs, or a search, gets a page. A stamped
    one has its page, which tells of the launch that had something to run.
    """
    folders = [folder for folder in dict.fromkeys(path.parent for path in files) if ReportFolder(folder).is_whole]
    written: list[Path] = []
    for folder in folders:
        if (folder / FILE).is_file():
            continue
        own = [path for path in files if path.parent == folder]
        made = _close(folder, own, tracker, parent, {"seconds": dict(seconds), "energy_j": joules})
        parent.log_files(made, folder.name if len(folders) > 1 else "")
        written += made
    if joules is not None:
        parent.log_metrics({"energy/joules": joules})
    return written


def _close(
    folder: Path, files: Sequence[Path], tracker: "Tracker", parent: "LaunchRun", spent: Mapping[str, object]
) -> list[Path]:
    known = {
        "argv": sys.argv,
        **spent,
        "ui_command": tracker.ui_command,
        "deep_link": tracker.deep_link,
        "launch_link": tracker.run_link(parent),
    }
    source = ReportFolder(folder)
    if source.is_search:  # it has no arms
        return write_search(dataclasses.replace(SearchData.read(source), launch=known), folder)
    data = dataclasses.replace(ReportData.read(source), launch=known)
    for row in data.rows:
        _log_arm(row, parent, {"scale": data.plan.scale, "report": folder.name})
    made = write_page(data, folder)
    mark_fresh(folder, [*files, *made], [source.trials / str(run["trial"]) for run in data.runs])
    return made


def _log_arm(row: "ArmRow", parent: "LaunchRun", tags: Mapping[str, str]) -> None:
    arm, context = " ".join(map(str, row.arm.values())), " ".join(map(str, row.context.values()))
    names = ("mean", "low", "high", "n", "sd", "difference")
    metrics = {name: float(getattr(row, name)) for name in names}
    parent.log_arm(f"{context} {arm}".strip(), {**row.context, **row.arm}, metrics, {**tags, "arm": arm})
