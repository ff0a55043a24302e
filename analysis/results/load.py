"""A study's trials as one tidy table, for notebooks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.results.report_folder import TRIALS, find_reports
from analysis.results.trials import TrialRow
from resnet_lab.errors import UserError
from resnet_lab.outcomes import Status
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import CONFIG_FILE, flatten
from resnet_lab.trials.signature import ENVIRONMENT_FILE, check, name_of
from resnet_lab.trials.trial import FAILURE_FILE
from resnet_lab.trials.versions import codes_of

if TYPE_CHECKING:
    import pandas as pd

FIRST = (
    "trial",
    "status",
    "reason",
    "detail",
    "seed",
    "epochs",
    "test/error",
    "val/error",
    "train/error",
    "time/train_s",
)
"""The columns that every table begins with; the fields of the spec follow by their dotted names."""


def load_study(study: str | Path, out: Path = Path("runs")) -> "pd.DataFrame":
    """Return one row per trial with dotted column names: every field of its spec, its status and final figures.

    `study` is a report's folder or name, a study's name (all its reports together, but open searches only where there
    is nothing else: their trials are no comparison), or an output folder (every trial in it). Errors are in per cent,
    `time/` in seconds; `status` is complete, failed or missing (not ended), and `reason` is set for the failed, with
    the sentence of its error as `detail`; `code_sha256` and `data_sha256` name the code and the images that made a
    trial. Raises UserError where there is no such study.
    """
    import pandas as pd

    path = Path(study)
    root = path / TRIALS
    if root.is_dir():
        known: dict[str, TrialRow] = {entry.name: {} for entry in sorted(root.iterdir()) if entry.is_dir()}
    else:
        every = find_reports(study, Path(out))
        reports = [report for report in every if not report.is_search] or every
        root = reports[0].trials
        known = {str(run["trial"]): run for report in reports for run in report.runs()}
    defaults = flatten(RunSpec())
    frame = pd.DataFrame([_row(root / name, run, defaults) for name, run in known.items()])
    first = [name for name in FIRST if name in frame]
    return frame[[*first, *(name for name in frame if name not in first)]]


def _row(folder: Path, run: TrialRow, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a trial: the report's, overridden by what the trial's folder holds.

    A field that the trial's code did not know yet has its default: adding a field keeps old results.
    """
    fields, outcome = _outcome(folder)
    return {**run, **(defaults if fields else {}), **fields, **outcome, **_identity(folder)}


def outcome_now(folder: Path) -> dict[str, Any]:
    """Return what a trial's folder says by now: its final figures, status, reason and sentence."""
    return _outcome(folder)[1]


def _outcome(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of a trial's spec and how it stands; a damaged trial has no fields."""
    checked = check(folder)
    result, damage = checked.result or {}, checked.fault and f"damaged: {checked.file} {checked.fault}"
    if not result and not damage and (folder / CONFIG_FILE).exists() and name_of(folder / CONFIG_FILE) != folder.name:
        damage = f"damaged: {CONFIG_FILE} is not this trial's"
    fields = {} if damage else _read(folder / CONFIG_FILE) or {}
    failure = {} if result or damage else _read(folder / FAILURE_FILE) or {}
    status = Status.COMPLETE if result else Status.FAILED if failure else Status.MISSING
    sentence = str(failure.get("detail") or "").strip().partition("\n")[0]
    reason = failure.get("reason") or damage or None
    named = {"trial": folder.name, "status": str(status), "reason": reason, "detail": sentence or None}
    return fields, {**result, **named}


def _identity(folder: Path) -> dict[str, str | None]:
    """Return the digests of the code that trained a trial, and of its images; None where they were not recorded."""
    environment = _read(folder / ENVIRONMENT_FILE) or {}
    return {
        "code_sha256": " then ".join(codes_of(environment)) or None,
        "data_sha256": (environment.get("data") or {}).get("sha256"),
    }


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        raise UserError(f"{path} is not JSON: delete the trial's folder and run the study again") from None
    return content
