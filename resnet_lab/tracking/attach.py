"""Attaching an analysis's files to MLflow: to the run that the network came from, or to a run of their own."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value
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
) -> str | None:
    """Copy files to the run `run_id`, or to a new run of the experiment `kind`; return the run's id.

    Without a store nothing is logged, and None returned. Raises TrackingError where the store does not take them.
    """
    if store_uri(out) is None:
        return None
    if run_id is not None:
        run, _ = _find(out, run_id)
        run.log_files(files, kind)  # its status stays as it is
        return run_id
    launch = Tracker.open(out, kind).start_launch(name, {}, params)
    try:
        launch.log_files(files)
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
    if "trial" not in tags:
        raise UserError(f"the MLflow run {run_id} is no trial and holds no network: give the run of a trial to --run")
    return run, tags["trial"]
