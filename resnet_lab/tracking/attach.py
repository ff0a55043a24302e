"""Attaching an analysis's files to MLflow: to the run that the network came from, or to a run of their own."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fingerprint import TRIAL_NAME
from resnet_lab.tracking.client import TrackingError, connect
from resnet_lab.tracking.database import sqlite_uri
from resnet_lab.tracking.reading import find_run
from resnet_lab.tracking.run import Run
from resnet_lab.tracking.tracker import Tracker


def store_uri(out: Path) -> str | None:
    """Return the tracking URI of MLFLOW_TRACKING_URI or of `<out>/mlflow.db`, None where there is neither."""
    database = out / "mlflow.db"
    return os.environ.get("MLFLOW_TRACKING_URI") or (sqlite_uri(database.absolute()) if database.exists() else None)


def trial_of_run(out: Path, run_id: str) -> str:
    """Return the name of the trial that an MLflow run logged. Raises UserError where there is no such run."""
    return _find(out, run_id)[1]


def log_files(
    files: Sequence[Path],
    *,
    out: Path,
    run_id: str | None,
    kind: str,
    name: str,
    params: Mapping[str, Value],
    metrics: Mapping[str, float] = MappingProxyType({}),
) -> str:
    """Copy files to the run `run_id`, or to a new run of the experiment `kind`; return a line that says where they are.

    The store is made where there is none. A run of its own also gets the params and the metrics. Where the store does
    not take them, the line says why not: the files are on disk, and an analysis does not fail for their copies.
    """
    try:
        if run_id is not None:
            run, _ = _find(out, run_id)
            run.log_files(files, kind)  # its status stays as it is
            return f"MLflow: run {run_id}, folder {kind}"
        return f"MLflow: run {_own_run(files, out, kind, name, params, metrics)}, experiment {kind}"
    except TrackingError as error:
        return f"not in MLflow: {error}"


def _own_run(
    files: Sequence[Path],
    out: Path,
    kind: str,
    name: str,
    params: Mapping[str, Value],
    metrics: Mapping[str, float],
) -> str:
    """Log an analysis as a run of its own and return the run's id. Raises TrackingError."""
    launch = Tracker.open(out, kind).start_launch(name, {}, params)
    try:
        launch.log_files(files)
        launch.log_metrics(metrics)
    except BaseException:
        launch.end("FAILED")
        raise
    launch.end("FINISHED")
    return launch.run_id


def _find(out: Path, run_id: str) -> tuple[Run, str]:
    """Return a trial's run and the trial's name. Raises UserError where there is no such run."""
    uri = store_uri(out)
    if uri is None:
        raise UserError(f"there is no MLflow database {out / 'mlflow.db'}: name the --out of the study")
    try:
        run, tags = find_run(connect(uri), run_id)
    except TrackingError:
        raise UserError(f"MLflow has no run {run_id!r} in {uri}: check --run and --out") from None
    if not TRIAL_NAME.fullmatch(tags.get("trial", "")):  # it becomes a path, and anybody may have written it
        raise UserError(f"the MLflow run {run_id} is no trial and holds no network: give the run of a trial to --run")
    return run, tags["trial"]
