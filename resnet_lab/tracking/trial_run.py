"""Trial run: the child run of one trial, with its dataset, epochs, checkpoint and end."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_lab.metrics import METRICS
from resnet_lab.outcomes import Reason
from resnet_lab.spec.choices import Value
from resnet_lab.tracking.client import guarded
from resnet_lab.tracking.model import keep_model
from resnet_lab.tracking.run import Run, now
from resnet_lab.tracking.transaction import one_transaction

if TYPE_CHECKING:
    from mlflow.entities import Metric, RunTag

_DIGEST_LENGTH = 12  # what the UI's table can show; the whole digest is kept in the source
_DIVERGED_TAG = "diverged"
FACT = "model/"
"""Start of the names of what a network is, whatever it learns."""
MAX_METRICS = 1_000
"""Metrics that MLflow takes in one call."""
MAX_TAG_LENGTH = 5_000
"""Characters that every MLflow store takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRecord:
    """Which images a trial saw, as the UI shows them."""

    name: str
    digest: str
    """SHA-256 of the data, in hex."""
    source: str
    """Where the images are, such as a folder's path."""
    context: str
    """What they were used for, such as `train`."""


@dataclass(frozen=True, slots=True)
class TrialRun(Run):
    """The child run. Every method that writes raises TrackingError where it cannot."""

    name: str
    params: Mapping[str, Value]
    """Those that the model carries too."""
    shown: str = ""
    """What the UI calls the run, and so its model; the name where it is not given."""

    def log_dataset(self, dataset: DatasetRecord) -> None:
        """Attach the dataset to the run's inputs."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = json.dumps({"uri": dataset.source, "sha256": dataset.digest})
        entity = Dataset(dataset.name, dataset.digest[:_DIGEST_LENGTH], "local", source)
        tags = [InputTag("mlflow.data.context", dataset.context)]
        with guarded("store the dataset"), one_transaction(self.client):
            self.client.log_inputs(self.run_id, [DatasetInput(entity, tags)])

    def log_epochs(self, records: Sequence[Mapping[str, float]]) -> None:
        """Log any number of epochs in one call; a record holds `epoch`, which becomes the step, and metrics.

        A value that is not finite is left out (mlflow would store infinity as 1.8e308), and the run is tagged
        `diverged`.
        """
        metrics, tags = _epochs(records)
        if metrics or tags:
            with guarded(f"store the epochs of {self.name}"), one_transaction(self.client):
                self.client.log_batch(self.run_id, metrics, tags=tags)

    def log_steps(self, name: str, first: int, values: Sequence[float]) -> None:
        """Log a metric at the steps `first`, `first` + 1, ..., in calls of at most MAX_METRICS."""
        from mlflow.entities import Metric

        stamp = now()
        metrics = [Metric(name, value, stamp, first + index) for index, value in enumerate(values)]
        with guarded(f"store the mini-batches of {self.name}"), one_transaction(self.client):
            for start in range(0, len(metrics), MAX_METRICS):
                self.client.log_batch(self.run_id, metrics[start : start + MAX_METRICS])

    def finish(
        self,
        metrics: Mapping[str, float],
        checkpoint: Path,
        config: Path,
        epochs: Sequence[Mapping[str, float]] = (),
        dataset: DatasetRecord | None = None,
        notices: Mapping[str, str] | None = None,
    ) -> None:
        """Log the final metrics, keep the checkpoint as a LoggedModel and set the run FINISHED.

        What is a fact of the network, `model/parameters`, becomes a param: as a metric it would have a chart.

        `checkpoint` is `model.safetensors`; the SHA-256 next to it, `<name>.sha256`, goes with it. The model
        carries the metrics too, so that the UI's list of models can be sorted by test error. `epochs` and `dataset`
        are what has not been logged yet: a call less per trial. `notices` are tags, each cut to the longest allowed.
        """
        from mlflow.entities import Param, RunTag

        facts = {name: f"{value:.0f}" for name, value in metrics.items() if name.startswith(FACT)}
        figures = {name: value for name, value in metrics.items() if name not in facts}
        last, tags = _epochs(epochs)
        tags += [RunTag(name, text[:MAX_TAG_LENGTH]) for name, text in (notices or {}).items()]
        with guarded(f"keep the checkpoint of {self.name}"), one_transaction(self.client):
            if dataset is not None:
                self.log_dataset(dataset)
            shown = self.shown or self.name
            model_id = keep_model(self, self.name, shown, {**self.params, **facts}, checkpoint, config)
            params = [Param(name, value) for name, value in facts.items()]
            self.client.log_batch(self.run_id, [*last, *_metrics(figures, 0, model_id)], params, tags)
            self.end("FINISHED")

    def fail(self, reason: str, sentence: str = "") -> None:
        """Tag the run with the reason and, as `detail`, the error's sentence, and set it FAILED."""
        from mlflow.entities import RunTag

        tags = [RunTag("reason", str(reason)), *([RunTag("detail", sentence[:MAX_TAG_LENGTH])] if sentence else [])]
        if reason == Reason.DIVERGED:
            tags.append(RunTag(_DIVERGED_TAG, "true"))
        with guarded(f"store the failure of {self.name}"):
            self.client.log_batch(self.run_id, tags=tags)
        self.end("FAILED")

    def prune(self) -> None:
        """Tag the run as stopped by a search's pruner and set it KILLED."""
        from mlflow.entities import RunTag

        with guarded(f"store the end of {self.name}"):
            self.client.log_batch(self.run_id, tags=[RunTag("pruned", "true")])
        self.end("KILLED")

    def kill(self) -> None:
        """Set the run KILLED: it was interrupted and will be tried again."""
        self.end("KILLED")


def _epochs(records: Sequence[Mapping[str, float]]) -> "tuple[list[Metric], list[RunTag]]":
    """Return the metrics of epochs, and a tag where one of them diverged."""
    from mlflow.entities import RunTag

    metrics = [metric for record in records for metric in _metrics(record, int(record["epoch"]))]
    diverged = any(not math.isfinite(value) for record in records for value in record.values())
    return metrics, [RunTag(_DIVERGED_TAG, "true")] if diverged else []


def _metrics(record: Mapping[str, float], step: int, model_id: str | None = None) -> "list[Metric]":
    from mlflow.entities import Metric

    stamp = now()
    return [
        Metric(key, shown(key, value), stamp, step, model_id=model_id)
        for key, value in record.items()
        if key != "epoch" and math.isfinite(value)
    ]


def shown(name: str, value: float) -> float:
    """Return a figure as the UI is to show it: no digit that no count of images or clock supports.

    Percentages have three decimals, the grain of 50,000 images and finer than that of any other set; all else has five
    significant digits. Files keep every digit.
    """
    known = METRICS.get(name)
    return round(value, 3) if known is not None and known.unit == "%" else float(f"{value:.5g}")
