"""Links to MLflow's UI: the command that starts it, and the addresses of a study's runs."""

import shlex
import shutil
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

from resnet_lab.metrics import TEST_ERROR, Better, metric
from resnet_lab.tracking.client import without_password

_ADDRESS = "http://127.0.0.1:5000"
_WORKFLOW = "workflowType=machine_learning"  # else the pages are those of another product


def ui_command(uri: str) -> str:
    """Return the shell command that starts the UI on a database; empty where a server already runs."""
    if uri.startswith(("http://", "https://")):
        return ""
    # A password stays out of terminals and logs: the variable it came from says the same.
    store = shlex.quote(uri) if without_password(uri) == uri else '"$MLFLOW_TRACKING_URI"'
    return f"{_mlflow()} ui --backend-store-uri {store} --host 127.0.0.1 --port 5000"


def _mlflow() -> str:
    """Return `mlflow`, or its full path where the virtual environment is not activated."""
    script = Path(sys.executable).parent / "mlflow"
    if shutil.which("mlflow") or not script.exists():
        return "mlflow"
    return shlex.quote(str(script))


def deep_link(uri: str, experiment_id: str) -> str:
    """Return the link to the table of an experiment's runs, best test error first.

    The plain address lands on another page; a sort by a metric lists child runs on the first level.
    """
    ascending = "true" if metric(TEST_ERROR).better == Better.LOWER else "false"
    order = f"orderByKey={quote(f'metrics.`{TEST_ERROR}`', safe='')}&orderByAsc={ascending}"
    query = f"{_WORKFLOW}&{order}&compareRunsMode=TABLE"
    return f"{_base(uri)}/#/experiments/{experiment_id}/runs?{query}"


def view_link(uri: str, experiment_id: str, view: str, *, chart: bool = False) -> str:
    """Return the link to a saved view, by its key; any order or filter in it would switch the view off."""
    query = f"{_WORKFLOW}&viewStateShareKey={view}&compareRunsMode={'CHART' if chart else 'TABLE'}"
    return f"{_base(uri)}/#/experiments/{experiment_id}/runs?{query}"


def run_link(uri: str, experiment_id: str, run_id: str) -> str:
    """Return the link to the page of one run."""
    return f"{_base(uri)}/#/experiments/{experiment_id}/runs/{run_id}?{_WORKFLOW}"


def _base(uri: str) -> str:
    if not uri.startswith(("http://", "https://")):
        return _ADDRESS
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
