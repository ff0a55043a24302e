"""Availability of an MLflow store: its loss and its return, each reported once; while away it is asked now and then."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_lab.system.environment import environment_set
from resnet_lab.tracking.client import FIRST_CALL, TrackingError, guarded
from resnet_lab.tracking.database import sqlite_path

if TYPE_CHECKING:
    from mlflow import MlflowClient

ASK_AGAIN_S = 10.0
"""How long a store that did not answer is left alone: asking a dead server takes seconds."""
LOST = "training goes on, and what MLflow lacks is entered when it answers, or by the same command"


@dataclass(slots=True)
class Availability:
    """One store, as long as a launch lasts."""

    client: "MlflowClient"
    report: Callable[[str], None]
    """Called with one line when the store is lost, and with another when it is back."""
    is_lost: bool = False
    _ask_at: float = 0.0

    def attempt(self, action: Callable[[], object]) -> bool:
        """Carry out an action that writes to the store. Returns whether it was; errors of the store are reported."""
        if self.is_lost and not self._is_back():
            return False
        try:
            action()
        except TrackingError as error:
            self._lose(error)
            return False
        return True

    def close_run(self, run_id: str) -> None:
        """Set a run KILLED. Raises TrackingError; a run that the store does not know is left alone."""
        from mlflow.exceptions import MlflowException

        with guarded("close a run"):
            try:
                self.client.set_terminated(run_id, "KILLED")
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # its creation was never committed
                    raise

    def _lose(self, error: TrackingError) -> None:
        self._ask_at = time.monotonic() + ASK_AGAIN_S
        if not self.is_lost:
            self.is_lost = True
            self.report(f"warning: {error.cause}: {LOST}")

    def _is_back(self) -> bool:
        if time.monotonic() < self._ask_at:
            return False
        self._ask_at = time.monotonic() + ASK_AGAIN_S
        if not answers(self.client):
            return False
        self.is_lost = False
        self.report("MLflow answers again: what it lacks is entered now")
        return True


def answers(client: "MlflowClient") -> bool:
    """Return, within seconds, whether a store takes records at this moment."""
    path = sqlite_path(str(client.tracking_uri))
    try:
        if path is None:
            with environment_set(FIRST_CALL):
                client.search_experiments(max_results=1)
        else:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=0.5)) as connection:
                connection.execute("BEGIN IMMEDIATE")
    except Exception:  # whatever the server or the database answers, it is no answer
        return False
    return True
