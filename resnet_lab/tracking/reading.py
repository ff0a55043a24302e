"""Reading runs back: one run, pages of runs, the finished trials, tidy rows for the analysis."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_lab.errors import UserError
from resnet_lab.tracking import sqlite_runs
from resnet_lab.tracking.client import connect, guarded
from resnet_lab.tracking.database import sqlite_path, sqlite_uri
from resnet_lab.tracking.run import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

_IS_TRIAL = "tags.trial != ''"
_PAGE = 5_000


def find_run(client: "MlflowClient", run_id: str) -> tuple[Run, dict[str, str]]:
    """Return a run that exists, to be written to, and its tags. Raises TrackingError."""
    with guarded("find the run"):
        run = client.get_run(run_id)
    return Run(client, str(run.info.experiment_id), run_id), dict(run.data.tags)


def pages(client: "MlflowClient", experiment_id: str, where: str) -> Iterator["MlflowRun"]:
    """Yield every active run of the experiment that matches mlflow's filter string, newest first."""
    token: str | None = None
    while True:
        with guarded("read its runs"):
            page = client.search_runs([experiment_id], where, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def read_runs(out_or_uri: Path | str, study: str) -> list[dict[str, Any]]:
    """Return one row per trial run: run_id, status, start_time and end_time (ms), params, metrics, tags.

    `out_or_uri` is an output folder (its `mlflow.db`, or MLFLOW_TRACKING_URI where that is set) or a tracking
    URI. Params and tags map names to text, metrics to their last value. Raises UserError where there is no
    such store or study.
    """
    uri = _existing(out_or_uri)
    path = sqlite_path(uri)
    if path is not None:
        # An error here is an unknown schema, or no database: the client reads it or reports why not.
        with contextlib.suppress(sqlite3.Error):
            if sqlite_runs.has_study(path, study):
                return sqlite_runs.trial_rows(path, study)
    client = connect(uri)
    with guarded("find the study"):
        experiment = client.get_experiment_by_name(study)
    if experiment is None:
        raise UserError(f"MLflow has no study {study!r} in {out_or_uri}: run it first, or name another --out")
    return [_row(run) for run in pages(client, experiment.experiment_id, _IS_TRIAL)]


def finished_trials(client: "MlflowClient", uri: str, experiment_id: str, study: str) -> dict[str, str]:
    """Return {trial name: run id} of the FINISHED trials, the newest run of each. Raises TrackingError."""
    path = sqlite_path(uri)
    if path is not None:
        with contextlib.suppress(sqlite3.Error):
            return sqlite_runs.finished_trials(path, study)
    run_ids: dict[str, str] = {}
    for run in pages(client, experiment_id, f"attributes.status = 'FINISHED' and {_IS_TRIAL}"):
        run_ids.setdefault(run.data.tags["trial"], run.info.run_id)
    return run_ids


def _existing(out_or_uri: Path | str) -> str:
    if isinstance(out_or_uri, str) and ":" in out_or_uri:
        uri = out_or_uri
    else:
        uri = os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(Path(out_or_uri) / "mlflow.db")
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        raise UserError(f"there is no MLflow database {path}: run a study first, or name another --out")
    return uri


def _row(run: "MlflowRun") -> dict[str, Any]:
    return {
        "run_id": run.info.run_id,
        "status": run.info.status,
        "start_time": run.info.start_time,
        "end_time": run.info.end_time,
        "params": dict(run.data.params),
        "metrics": dict(run.data.metrics),
        "tags": dict(run.data.tags),
    }
