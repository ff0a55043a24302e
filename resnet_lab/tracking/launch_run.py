"""Launch run: the parent run of one launch of a study, which holds the plan, the table and the figure."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_lab.spec.choices import Value
from resnet_lab.tracking.client import guarded
from resnet_lab.tracking.reading import pages
from resnet_lab.tracking.run import Run, create, now
from resnet_lab.tracking.transaction import one_transaction
from resnet_lab.tracking.trial_run import MAX_METRICS, DatasetRecord, TrialRun, shown

if TYPE_CHECKING:
    from mlflow import MlflowClient

_GIT_TAG = "git_sha"


@dataclass(frozen=True, slots=True)
class LaunchRun(Run):
    """The parent run. Every method that writes raises TrackingError where it cannot."""

    common: Mapping[str, str]
    """Tags that every run of this launch carries."""

    @classmethod
    def start(
        cls,
        client: "MlflowClient",
        experiment_id: str,
        name: str,
        params: Mapping[str, Value],
        common: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> "LaunchRun":
        """Create the parent run."""
        everything = {**common, "kind": "launch", **_with_commit(tags)}
        return cls(client, experiment_id, create(client, experiment_id, name, params, everything), common)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log the launch's own numbers (seconds, trials), in one call."""
        from mlflow.entities import Metric

        with guarded("store the launch's numbers"):
            stamp = now()
            self.client.log_batch(self.run_id, [Metric(key, value, stamp, 0) for key, value in metrics.items()])

    def log_trial_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        """Log to a trial's finished run what was measured of its network later."""
        from mlflow.entities import Metric

        with guarded("store a measure"):
            stamp = now()
            values = [Metric(key, value, stamp, 0) for key, value in metrics.items() if math.isfinite(value)]
            self.client.log_batch(run_id, values)

    def log_arm(
        self,
        name: str,
        params: Mapping[str, Value],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        curves: Sequence[tuple[str, int, float]] = (),
    ) -> str:
        """Create a finished child run that holds the summary of one arm's trials; return its id.

        `curves` are (metric, step, value). Numbers that are not finite are left out.
        """
        from mlflow.entities import Metric

        everything = {**self.common, "kind": "arm", "mlflow.parentRunId": self.run_id, **_with_commit(tags)}
        stamp = now()
        points = [Metric(key, value, stamp, step) for key, step, value in curves if math.isfinite(value)]
        with guarded(f"store the arm {name}"), one_transaction(self.client):
            run_id = create(self.client, self.experiment_id, name, params, everything)
            arm = LaunchRun(self.client, self.experiment_id, run_id, self.common)
            arm.log_metrics({key: shown(key, value) for key, value in metrics.items() if math.isfinite(value)})
            for start in range(0, len(points), MAX_METRICS):
                self.client.log_batch(run_id, points[start : start + MAX_METRICS])
            arm.end("FINISHED")
        return run_id

    def discard_arms(self, report: str) -> None:
        """Discard the arms that earlier launches logged of a report: its new ones take their place."""
        mine = "".join(f" and tags.`{name}` = '{value}'" for name, value in self.common.items())
        where = f"tags.kind = 'arm' and tags.report = '{report}'{mine}"
        for run in list(pages(self.client, self.experiment_id, where)):
            Run(self.client, self.experiment_id, run.info.run_id).discard()

    def start_trial(
        self,
        name: str,
        params: Mapping[str, Value],
        tags: Mapping[str, str],
        dataset: DatasetRecord | None = None,
        on_model: Collection[str] | None = None,
    ) -> TrialRun:
        """Create a trial's child run with its params, tags and, where it is known by then, its dataset.

        The UI shows the run as `name`, or as the tag `mlflow.runName` where that is given. `on_model` names the params
        that the checkpoint's LoggedModel carries next to its run, all by default.
        """
        everything = {
            **self.common,
            "kind": "trial",
            "trial": name,
            "mlflow.parentRunId": self.run_id,
            **_with_commit(tags),
        }
        display_name = everything.pop("mlflow.runName", name)
        run_id = create(self.client, self.experiment_id, display_name, params, everything)
        carried = {key: value for key, value in params.items() if on_model is None or key in on_model}
        trial = TrialRun(self.client, self.experiment_id, run_id, name, carried, display_name)
        if dataset is not None:
            trial.log_dataset(dataset)
        return trial


def _with_commit(tags: Mapping[str, str]) -> dict[str, str]:
    """The UI shows the commit under a name of its own."""
    commit = tags.get(_GIT_TAG, "")
    return {**tags, "mlflow.source.git.commit": commit} if commit else dict(tags)
