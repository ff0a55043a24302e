"""begun.json: the plan and the audit of a launch before its end, and the trials that it sets out to run.

A launch writes it before its first trial, so that what is complete can be reported while the rest still runs, or after
it was interrupted. A launch that ends has plan.json and runs.json besides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from analysis.results.json_file import read_object
from analysis.results.load import outcome_now
from analysis.results.plan_record import PlanRecord
from analysis.results.report_folder import REPORTS, ReportFolder, folders_named
from analysis.results.trials import TrialRow
from resnet_lab.errors import UserError
from resnet_lab.system import atomic

FILE = "begun.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A study that has begun. `runs` are rows as in runs.json, as they stood when it began."""

    plan: PlanRecord
    runs: Sequence[TrialRow]
    audit: Mapping[str, Any] | None

    @classmethod
    def read(cls, folder: ReportFolder) -> Self:
        """Return what a launch left. Raises UserError where it cannot be read."""
        path = folder.path / FILE
        content = read_object(path)
        try:
            return cls(plan=PlanRecord.from_dict(content["plan"], path), runs=content["runs"], audit=content["audit"])
        except KeyError as error:
            raise UserError(f"{path} lacks {error}: run the study again, which rewrites it") from None

    def write(self, folder: Path) -> None:
        """Write begun.json to a report's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_json(folder / FILE, {"plan": self.plan.as_dict(), "runs": list(self.runs), "audit": self.audit})

    def runs_now(self, trials: Path) -> list[TrialRow]:
        """Return the runs as the trials' folders have them by now."""
        return [{**run, **_outcome(trials / str(run["trial"]))} for run in self.runs]


def _outcome(folder: Path) -> dict[str, Any]:
    outcome = outcome_now(folder)
    return {name: value for name, value in outcome.items() if name != "sha256" and (name != "detail" or value)}


def find_begun(study: str, out: Path) -> list[ReportFolder]:
    """Return the studies of that name, of that report's name or in that folder which have begun. Raises UserError."""
    named = [Path(study)] if (Path(study) / FILE).is_file() else folders_named(study, out / REPORTS)
    found = [ReportFolder(path) for path in named if (path / FILE).is_file()]
    if not found:
        raise UserError(
            f"no study {study!r} has begun in {out / REPORTS}: --partial reports comparisons of arms of this version"
        )
    return found
