"""Saved views of an experiment in MLflow's UI: its arms as a table, and its curves as means over seeds.

A view is a tag of the experiment that MLflow's own `Share` button writes; its format is documented nowhere (3.17). A
version that does not know it shows the experiment as it always does.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from resnet_lab.tracking.client import guarded
from resnet_lab.tracking.run import now

if TYPE_CHECKING:
    from mlflow import MlflowClient

ARMS, CURVES = "arms", "curves"
"""Keys of the views, by which links name them."""
_TAG = "mlflow.sharedViewState."
_COLUMNS = ("metrics.`n`", "metrics.`mean`", "metrics.`low`", "metrics.`high`", "metrics.`difference`")
_COMMON = {
    "orderByAsc": True,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
}


def save_views(client: "MlflowClient", experiment_id: str, metric: str) -> None:
    """Write both views; `metric` is what trials are ordered by. Raises TrackingError."""
    columns = ["tags.`report`", "tags.`arm`", "tags.`context`", *_COLUMNS]
    _save(client, experiment_id, ARMS, "arms", _arms(columns))
    _save(client, experiment_id, CURVES, "curves: mean over seeds", _curves(metric))


def write_note(client: "MlflowClient", experiment_id: str, text: str) -> None:
    """Write the description that the UI shows above the table, in Markdown. Raises TrackingError."""
    with guarded("describe the experiment"):
        client.set_experiment_tag(experiment_id, "mlflow.note.content", text)


def _arms(columns: Sequence[str]) -> dict[str, Any]:
    own = {"searchFilter": "tags.kind = 'arm'", "orderByKey": "metrics.`mean`", "selectedColumns": list(columns)}
    return {**_COMMON, **own, "groupBy": None}


def _curves(metric: str) -> dict[str, Any]:
    keys = [{"mode": "tag", "groupByData": tag} for tag in ("arm", "context")]
    return {
        **_COMMON,
        "searchFilter": "tags.kind = 'trial' and attributes.status = 'FINISHED'",
        "orderByKey": f"metrics.`{metric}`",
        "groupBy": {"aggregateFunction": "average", "groupByKeys": keys},
        "useGroupedValuesInCharts": True,
    }


def _save(client: "MlflowClient", experiment_id: str, key: str, name: str, state: dict[str, Any]) -> None:
    stamp = now()
    view = {"name": name, "createdAt": stamp, "updatedAt": stamp, "state": json.dumps(state)}
    with guarded("save a view of the experiment"):
        client.set_experiment_tag(experiment_id, f"{_TAG}{key}", json.dumps(view))
