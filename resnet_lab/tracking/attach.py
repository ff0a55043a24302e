"""Files of an analysis in MLflow: on the run that the network came from, or on a run of their own."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_lab.errors import UserError
from resnet_lab.spec.choices import Value

if TYPE_CHECKING:
    from resnet_lab.tracking import LaunchRun


def store_uri(out: Path) -> str | None:
    """Return the tracking URI of MLFLOW_TRACKING_URI or of `<out>/mlflow.db`, None where there is neither."""
    from resnet_lab.tracking.database import sqlite_uri

    database = out / "mlflow.db"
    return os.environ.get("MLFLOW_TRACKING_URI") or (sqlite_uri(database.absolute()) if database.exists() else None)


def trial_of_run(out: Path, run_id: str) -> str:
    """Return the name of the trial that an MLflow run logged. Raises UserError where there is no such run."""
    return _tags(out, run_id)[1]


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
    from resnet_lab.tracking import Tracker

    if store_uri(out) is None:
        return None
    if run_id is not None:
        _launch(out, run_id).log_files(files, kind)
        return run_id
    launch = Tracker.open(out, kind).start_launch(name, {}, params)
    try:
        launch.log_files(files)
    except BaseException:
        launch.end("FAILED")
        raise
    launch.end("FINISHED")
    return launch.run_id


def _launch(out: Path, run_id: str) -> "LaunchRun":
    """Return a handle on a run that exists: it is written to, and its status left as it is."""
    from resnet_lab.tracking import LaunchRun
    from resnet_lab.tracking.client import connect

    experiment_id, _ = _tags(out, run_id)
    return LaunchRun(connect(str(store_uri(out))), experiment_id, run_id, {})


def _tags(out: Path, run_id: str) -> tuple[str, str]:
    """Return the experiment id and the trial's name of a run."""
    from resnet_lab.tracking import TrackingError
    from resnet_lab.tracking.client import connect, guarded

    uri = store_uri(out)
    if uri is None:
        raise UserError(f"there is no MLflow database {out / 'mlflow.db'}: name the --out of the study")
    try:
        with guarded("find the run"):
            run = connect(uri).get_run(run_id)
    except TrackingError:
        raise UserError(f"MLflow has no run {run_id!r} in {uri}: check --run and --out") from None
    if "trial" not in run.data.tags:
        raise UserError(f"the MLflow run {run_id} is no trial and holds no network: give the run of a trial to --run")
    return str(run.info.experiment_id), str(run.data.tags["trial"])
