"""Folders of reports, by path or name, and the trials behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.results.json_file import read_json, read_object
from analysis.results.plan_record import PlanRecord
from analysis.results.trials import TrialRow
from resnet_lab.errors import UserError

Json = Mapping[str, Any]
REPORTS, TRIALS = "reports", "trials"
SEARCH = "search.json"


@dataclass(frozen=True, slots=True)
class ReportFolder:
    """What a study leaves at its end, `<out>/reports/<study>-<scale>-<data>`."""

    path: Path

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.path.absolute().parent.parent

    @property
    def trials(self) -> Path:
        """The folder of all trials of this output folder."""
        return self.out / TRIALS

    @property
    def is_search(self) -> bool:
        """Whether an open search left it, which has search.json and no arms."""
        return (self.path / SEARCH).is_file()

    @property
    def is_whole(self) -> bool:
        """Whether a study or a search has ended here."""
        try:
            return (self.path / "runs.json").is_file() or self.is_search
        except OSError:  # a name that no folder can have
            return False

    def search(self) -> Json:
        """Return search.json. Raises UserError where it cannot be read."""
        return read_object(self.path / SEARCH)

    def plan(self) -> PlanRecord:
        """Return plan.json. Raises UserError where it cannot be read or lacks a key."""
        return PlanRecord.read(self.path / "plan.json")

    def runs(self) -> list[TrialRow]:
        """Return runs.json, a row per run; of a search, the trials it ran. Raises UserError where it cannot be read."""
        if self.is_search:
            return [row for row in self.search().get("trials", ()) if row.get("trial")]
        content = read_json(self.path / "runs.json")
        if not isinstance(content, list):
            raise UserError(f"{self.path / 'runs.json'} holds no list of runs: run the study again")
        return content

    def audit(self) -> Json | None:
        """Return audit.json, or None where the study made none."""
        path = self.path / "audit.json"
        return read_object(path) if path.exists() else None

    def launch(self) -> Json:
        """Return launch.json: command line, times and links of the last launch; {} where there is none."""
        path = self.path / "launch.json"
        return read_object(path) if path.exists() else {}


def find_reports(study: str | Path, out: Path) -> list[ReportFolder]:
    """Return the reports of a folder's path, of a report's name under `out`, or all of a study's name.

    Raises UserError, listing what there is, where there is none.
    """
    path = Path(study)
    if ReportFolder(path).is_whole:
        return [ReportFolder(path)]
    name, root = str(study), out / REPORTS
    named = folders_named(name, root)
    reports = [report for each in named if (report := ReportFolder(each)).is_whole]
    if not reports:
        known = sorted(entry.name for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
        there = f"there are {', '.join(known)}" if known else "there is none yet"
        remedy = "name one, its folder, or another --out"
        if named:  # it has begun
            there, remedy = "it has not ended", "--partial reports the trials that are complete"
        raise UserError(f"no report of a study {name!r} in {root} ({there}): {remedy}")
    return reports


def folders_named(name: str, root: Path) -> list[Path]:
    """Return the report folder of that name under `root`, else those of the study of that name."""
    known = sorted(entry for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
    exact = [path for path in known if path.name == name]
    return exact or [path for path in known if path.name.startswith(f"{name}-")]
