"""How mlflow is imported, kept quiet, reached and believed: every failure becomes one `TrackingError`."""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from resnet_lab.errors import UserError

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
_FIRST_CALL = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}


class TrackingError(UserError):
    """MLflow did not take a record; the trial's own folder still holds it and the same command backfills."""


@contextmanager
def guarded(action: str, remedy: str = "") -> Iterator[None]:
    """Turn any failure of mlflow, its database, its server or the disk into a TrackingError."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        advice = remedy or "results are safe in the trial folders: mend it and run the same command again"
        raise TrackingError(f"MLflow could not {action} ({_gist(error)}); {advice}") from error


def _gist(error: BaseException) -> str:
    """Return the first line of an error, without the SQL it came from and without passwords."""
    lines = [line for line in str(error).strip().splitlines() if "Query-invoked autoflush" not in line]
    first = without_password(lines[0] if lines else type(error).__name__)
    return first if len(first) <= 300 else first[:297] + "..."


def connect(uri: str) -> "MlflowClient":
    """Return a client of a store that has answered. Raises TrackingError within seconds where it does not."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    _drop_tracebacks()
    remedy = "check MLFLOW_TRACKING_URI and that its server runs, or unset it to use the local mlflow.db"
    if uri.startswith("sqlite:"):
        remedy = f"if MLflow is newer than the database, run: mlflow db upgrade {uri}"
    impatient = {name: value for name, value in _FIRST_CALL.items() if os.environ[name] == _DEFAULTS[name]}
    with _environment(impatient), guarded(f"open {without_password(uri)}", remedy):
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    return client


def without_password(text: str) -> str:
    """Return the text with the password of any URI in it replaced, fit to be printed."""
    return _PASSWORD.sub(r"\1:***@", text)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                del os.environ[name]
            else:
                os.environ[name] = old


class _NoSecondTelling(logging.Filter):
    """Drops the traceback mlflow prints for a database error, which is raised as well: `guarded` tells it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is None


def _drop_tracebacks() -> None:
    logger = logging.getLogger("mlflow.store.db.utils")
    if not any(isinstance(each, _NoSecondTelling) for each in logger.filters):
        logger.addFilter(_NoSecondTelling())
