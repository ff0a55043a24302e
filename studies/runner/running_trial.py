"""A trial in a worker's hands: its run in MLflow, and how much of its history is there already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resnet_lab.spec.fingerprint import cell_fingerprint, fingerprint
from resnet_lab.tracking import DatasetRecord, TrialRun
from resnet_lab.trials.trial import Trial
from studies.plan.plan import Plan, label

Record = dict[str, Any]


@dataclass(slots=True)
class Running:
    trial: Trial
    run: TrialRun | None = None
    """None until it is opened, which is after the worker has started."""
    size: int = 0
    logged: int = 0
    told_dataset: bool = False

    def fresh(self) -> list[Record]:
        """Return the epochs finished since the last look; none before there is a run to log them in."""
        path = self.trial.folder / "history.jsonl"
        size = path.stat().st_size if path.exists() else 0
        if size == self.size or self.run is None:
            return []
        self.size, before = size, self.logged
        history = self.trial.history()
        self.logged = len(history)
        return history[before:]

    def dataset(self, source: str) -> DatasetRecord | None:
        """Return, once, which images the trial saw: the worker has hashed them by its first epoch."""
        data = None if self.told_dataset else self.trial.environment().get("data")
        if not data:
            return None
        self.told_dataset = True
        return DatasetRecord(name=data["name"], digest=data["sha256"], source=source, context="train")


def tags_of(plan: Plan, trial: Trial, attempt: int, environment: Mapping[str, Any]) -> dict[str, str]:
    """Return what a trial's run is found by."""
    varied = {name.rpartition(".")[2]: value for name, value in plan.fields(trial.spec).items()}
    return {
        "mlflow.runName": label(plan, trial),
        "arm": " ".join(str(varied[name.rpartition(".")[2]]) for name in plan.arm),
        "cell": cell_fingerprint(trial.spec),
        "seed": str(trial.spec.seed),
        "fingerprint": fingerprint(trial.spec),
        "attempt": str(attempt),
        "scale": plan.scale,
        "git_sha": str(environment.get("git_sha")),
    }


def shown(history: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Return epochs as MLflow shows them, which counts epochs and not iterations."""
    return [{name: value for name, value in record.items() if name != "iteration"} for record in history]
