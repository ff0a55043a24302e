"""Logged model: a trial's checkpoint in MLflow, as safetensors with its digest and the config of its run."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from resnet_lab.spec.choices import Value
from resnet_lab.tracking.client import TrackingError, guarded
from resnet_lab.tracking.run import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel


_REFUSED = str.maketrans({".": ",", **dict.fromkeys("/:%\"'", "_")})
"""Characters that MLflow takes in no model's name, and what stands for them: `lr=0,1`."""


def keep_model(run: Run, trial: str, shown: str, params: Mapping[str, Value], checkpoint: Path, config: Path) -> str:
    """Keep a checkpoint, its `.sha256` and its config as an output of a run; return the model's id.

    The UI lists the model as `shown`, as far as MLflow takes it, with the trial's name in a tag. Where a file cannot be
    stored, the model is FAILED and the error goes on.
    """
    from mlflow.entities import LoggedModelOutput

    client = run.client
    model = client.create_logged_model(
        run.experiment_id,
        name=shown.translate(_REFUSED),
        source_run_id=run.run_id,
        tags={"trial": trial, "format": "safetensors"},
        params={key: str(value) for key, value in params.items()},
        model_type="resnet",
    )
    model_id = str(model.model_id)
    try:
        store(client, model, checkpoint, Path(f"{checkpoint}.sha256"), config)
    except BaseException:
        with contextlib.suppress(TrackingError), guarded("close a model"):
            client.finalize_logged_model(model_id, "FAILED")
        raise
    client.finalize_logged_model(model_id, "READY")
    client.log_outputs(run.run_id, [LoggedModelOutput(model_id, 0)])
    return model_id


def store(client: "MlflowClient", model: "LoggedModel", *paths: Path) -> None:
    """Put files at a model's artifact location: copied, where that is a folder, without asking the database for it."""
    place = urlsplit(str(model.artifact_location))
    if place.scheme == "file":
        folder = Path(url2pathname(place.path))
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            shutil.copyfile(path, folder / path.name)
    else:
        with _gathered(*paths) as gathered:
            client.log_model_artifacts(str(model.model_id), str(gathered))


@contextlib.contextmanager
def _gathered(*paths: Path) -> Iterator[Path]:
    """Link files into a folder of their own: mlflow looks its model up once for a folder, and again for each file."""
    with tempfile.TemporaryDirectory(prefix="resnet-lab-") as folder:
        for path in paths:
            (Path(folder) / path.name).symlink_to(path.absolute())
        yield Path(folder)
