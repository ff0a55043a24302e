"""Run: the part that a launch's and a trial's MLflow run share; it is created, written to and ended."""

import getpass
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from resnet_lab.spec.choices import Value
from resnet_lab.tracking.client import TrackingError, guarded
from resnet_lab.tracking.transaction import one_transaction

if TYPE_CHECKING:
    from mlflow import MlflowClient

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one experiment. Every method that writes raises TrackingError where it cannot."""

    client: "MlflowClient"
    experiment_id: str
    run_id: str

    def log_files(self, paths: Sequence[Path], folder: str = "") -> None:
        """Copy files into the run's artifacts, under a folder of that name if one is given."""
        with guarded("store the launch's files"):
            for path in paths:
                self.client.log_artifact(self.run_id, str(path), folder or None)

    def end(self, status: RunStatus) -> None:
        """Close the run with a status."""
        with guarded("close a run"):
            self.client.set_terminated(self.run_id, status)

    def discard(self) -> None:
        """Close the run and move it to MLflow's trash: nothing came of it."""
        with guarded("discard a run"):
            self.client.set_terminated(self.run_id, "KILLED")
            self.client.delete_run(self.run_id)


def create(
    client: "MlflowClient",
    experiment_id: str,
    name: str,
    params: Mapping[str, Value],
    tags: Mapping[str, str],
) -> str:
    """Create a RUNNING run with its params and tags and return its id.

    Raises TrackingError, which names the run where it was created and has no params.
    """
    from mlflow.entities import Param

    run_id = ""
    try:
        with guarded(f"start the run {name}"), one_transaction(client):
            run_id = str(client.create_run(experiment_id, tags=_source() | dict(tags), run_name=name).info.run_id)
            client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
    except TrackingError as error:
        error.begun = run_id
        raise
    return run_id


def _source() -> dict[str, str]:
    """Return the system tags that the UI shows as the run's source and user."""
    tags = {"mlflow.source.type": "LOCAL", "mlflow.source.name": os.path.basename(sys.argv[0]) or "python"}
    try:
        tags["mlflow.user"] = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        tags["mlflow.user"] = str(os.getuid())
    return tags


def now() -> int:
    """Return milliseconds since the epoch, as mlflow counts time."""
    return time.time_ns() // 1_000_000
