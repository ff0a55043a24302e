"""Tracker of one study: its experiment, its finished trials, its stale runs, its launches."""

import contextlib
import os
import re
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from resnet_lab.errors import UserError
from resnet_lab.metrics import TEST_ERROR
from resnet_lab.spec.choices import Value
from resnet_lab.system.sqlite import enable_wal
from resnet_lab.tracking import links, sqlite_runs, views
from resnet_lab.tracking.client import connect, guarded
from resnet_lab.tracking.database import ensure_database, sqlite_path, sqlite_uri
from resnet_lab.tracking.launch_run import LaunchRun
from resnet_lab.tracking.reading import finished_trials, pages
from resnet_lab.tracking.run import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient

_STUDY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_HOME_TAG = "resnet_lab.home"


@dataclass(frozen=True, slots=True)
class Tracker:
    """One study's experiment in one store. Open it in the process that holds the driver's lock."""

    client: "MlflowClient"
    uri: str
    study: str
    experiment_id: str
    home: str
    """Marks this output folder's runs in a store that others may share; empty in its own database."""

    @classmethod
    def open(cls, out: Path, study: str) -> "Tracker":
        """Open `<out>/mlflow.db`, or the store of MLFLOW_TRACKING_URI, making what is missing.

        Raises UserError for a bad study name or folder, TrackingError for a store that does not answer.
        """
        if not _STUDY.fullmatch(study):
            raise UserError(f"{study!r} cannot name a study: use letters, digits, - _ and . (at most 100)")
        elsewhere = os.environ.get("MLFLOW_TRACKING_URI", "")
        uri = _absolute(elsewhere) if elsewhere else sqlite_uri(out / "mlflow.db")
        path = sqlite_path(uri)
        if path is not None:
            ensure_database(path)
            if not elsewhere:
                enable_wal(path)
        client = connect(uri)
        artifacts = None if elsewhere else (out / "artifacts" / study).absolute().as_uri()
        with guarded(f"open the experiment {study}"):
            experiment_id = _experiment(client, study, artifacts)
        if path is not None and artifacts is not None:
            with contextlib.suppress(sqlite3.Error):  # another schema: artifacts stay where they are said to be
                sqlite_runs.move_artifacts(path, experiment_id, artifacts)
        return cls(client, uri, study, experiment_id, _home(out) if elsewhere else "")

    @property
    def ui_command(self) -> str:
        """The shell command that starts the UI; empty where MLFLOW_TRACKING_URI names a running server."""
        return links.ui_command(self.uri)

    @property
    def deep_link(self) -> str:
        """The link to the table of this study's trials."""
        return links.deep_link(self.uri, self.experiment_id)

    @property
    def arms_link(self) -> str:
        """The link to the saved view of the arms."""
        return links.view_link(self.uri, self.experiment_id, views.ARMS)

    @property
    def curves_link(self) -> str:
        """The link to the saved view of the learning curves, means over seeds."""
        return links.view_link(self.uri, self.experiment_id, views.CURVES, chart=True)

    def describe(self, note: str) -> None:
        """Save the views of the study and its description, in Markdown. Raises TrackingError."""
        views.save_views(self.client, self.experiment_id, TEST_ERROR)
        views.write_note(self.client, self.experiment_id, note)

    def run_link(self, run: Run) -> str:
        """Return the link to the page of one run."""
        return self.link_of(run.run_id)

    def link_of(self, run_id: str) -> str:
        """Return the link to the page of the run of that id."""
        return links.run_link(self.uri, self.experiment_id, run_id)

    def close_stale(self, tags: Mapping[str, str] = MappingProxyType({})) -> int:
        """Set every run left RUNNING or SCHEDULED by a dead driver to KILLED; return how many there were.

        Trials of which no epoch was logged are discarded: there is nothing to see of them.

        `tags` are what such runs carry, where the lock held is not that of the whole experiment.
        """
        wanted = {**tags, _HOME_TAG: self.home} if self.home else tags
        mine = "".join(f" and tags.`{name}` = '{value}'" for name, value in wanted.items())
        stale = [
            run
            for status in ("RUNNING", "SCHEDULED")
            for run in pages(self.client, self.experiment_id, f"attributes.status = '{status}'{mine}")
        ]
        for run in stale:
            own = Run(self.client, self.experiment_id, run.info.run_id)
            if run.data.tags.get("kind") == "trial" and not run.data.metrics:
                own.discard()
            else:
                own.end("KILLED")
        return len(stale)

    def finished(self) -> dict[str, str]:
        """Return {trial name: run id} of the trials that are FINISHED, the newest run of each."""
        return finished_trials(self.client, self.uri, self.experiment_id, self.study)

    def start_launch(self, name: str, tags: Mapping[str, str], params: Mapping[str, Value]) -> LaunchRun:
        """Start the parent run of one launch. Raises TrackingError."""
        common = {_HOME_TAG: self.home} if self.home else {}
        return LaunchRun.start(self.client, self.experiment_id, name, params, common, tags)


def _absolute(uri: str) -> str:
    """SQLite paths are made absolute, so that the printed command works from any folder."""
    path = sqlite_path(uri)
    return uri if path is None else sqlite_uri(path)


def _experiment(client: "MlflowClient", study: str, artifacts: str | None) -> str:
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        try:
            return str(client.create_experiment(study, artifact_location=artifacts))
        except MlflowException:
            experiment = client.get_experiment_by_name(study)  # another process may have made it meanwhile
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def _home(out: Path) -> str:
    """Return this output folder's own id, kept in it: hosts and paths change, its runs stay its own."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        id_file = out / "tracking_id"
        if not id_file.exists():
            id_file.write_text(uuid.uuid4().hex + "\n")
        return id_file.read_text().strip()
    except OSError as error:
        raise UserError(f"cannot write to {out} ({error.strerror}): choose another --out") from None
