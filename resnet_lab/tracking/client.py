"""Connecting to MLflow: quiet import, timeouts, and one error type, `TrackingError`."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from resnet_lab.errors import DiskFullError, UserError, is_full
from resnet_lab.system.environment import environment_set

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PASSWORD = re.compile(r"(?<=//)([^/@:\s]*):[^/@\s]*@")
# What mlflow reads from the environment; a value the user has set wins.
_DEFAULTS = {
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # Keeps stdout clean for --json.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # A laboratory does not report to third parties unasked.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # A server that goes away in mid-study is given up after about a minute, not many.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
# The first call to a server: it answers within seconds, or it is not there.
FIRST_CALL = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}


class TrackingError(UserError):
    """MLflow did not take a record; the trial's own folder still holds it and the same command backfills."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause}; {remedy}")
        self.cause = cause
        self.begun = ""
        """The id of a run that was created and not completed: it is to be closed when the store is back."""


@contextmanager
def guarded(action: str, remedy: str = "") -> Iterator[None]:
    """Turn any failure of mlflow, its database, its server or the disk into a TrackingError."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        if is_full(error):
            raise DiskFullError(f"MLflow could not {action}: there is no room on its disk") from error
        cause = f"MLflow could not {action} ({_first_line(error)})"
        raise TrackingError(
            cause, remedy or "what was finished is in the trial folders: mend it and run the same command again"
        ) from error


def _first_line(error: BaseException) -> str:
    """Return the first line of an error, without the SQL it came from and without passwords."""
    lines = [line for line in str(error).strip().splitlines() if "Query-invoked autoflush" not in line]
    first = without_password(lines[0] if lines else type(error).__name__)
    return first if len(first) <= 300 else first[:297] + "..."


def load_client() -> None:
    """Import mlflow's client, which takes a second, with our defaults of what it reads from the environment."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # noqa: F401


def connect(uri: str) -> "MlflowClient":
    """Return a client of a store that has answered. Raises TrackingError within seconds where it does not."""
    load_client()
    from mlflow import MlflowClient

    _drop_tracebacks()
    remedy = "check MLFLOW_TRACKING_URI and that its server runs, or unset it to use the local mlflow.db"
    if uri.startswith("sqlite:"):
        remedy = f"check that {uri.removeprefix('sqlite:///')} can be read and written, and that there is memory for it"
    short = {name: value for name, value in FIRST_CALL.items() if os.environ[name] == _DEFAULTS[name]}
    with environment_set(short), guarded(f"open {without_password(uri)}", remedy), _naming_upgrade(uri):
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    return client


@contextmanager
def _naming_upgrade(uri: str) -> Iterator[None]:
    """Give the remedy for a database of another version of MLflow, where its error says that it is one."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if "db upgrade" not in str(error) and "out-of-date" not in str(error):
            raise
        raise TrackingError(
            f"MLflow cannot open {without_password(uri)}, which another version made",
            f"if MLflow is newer than the database, run: mlflow db upgrade {uri}",
        ) from error


def without_password(text: str) -> str:
    """Return the text with the password of any URI in it replaced, fit to be printed."""
    return _PASSWORD.sub(r"\1:***@", text)


class _DropDuplicateTraceback(logging.Filter):
    """Drops the traceback mlflow logs for a database error, which is raised as well: `guarded` reports it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is None


def _drop_tracebacks() -> None:
    logger = logging.getLogger("mlflow.store.db.utils")
    if not any(isinstance(known, _DropDuplicateTraceback) for known in logger.filters):
        logger.addFilter(_DropDuplicateTraceback())
