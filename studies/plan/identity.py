"""The identity of a planned trial: name, parameters, label and tags, computed once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten
from resnet_lab.spec.fingerprint import cell_fingerprint, fingerprint
from resnet_lab.trials.trial import Trial
from studies.plan.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialIdentity:
    """What a trial is called and found by, in one plan."""

    trial: Trial
    params: Mapping[str, Value]
    """Every field of its spec, by dotted name."""
    varied: Mapping[str, Value]
    """The fields that the plan varies, and the seed."""
    label: str
    """Its varied values, short: `56 before_add none seed 1`."""
    tags: Mapping[str, str]
    """Those of its run in MLflow that depend on the plan and the spec alone."""

    @property
    def name(self) -> str:
        return self.trial.name


def identify(plan: Plan, trial: Trial) -> TrialIdentity:
    """Return the identity of one of a plan's trials."""
    params = flatten(trial.spec)
    varied = {name: params[name] for name in (*plan.context, *plan.arm, "seed")}
    label = label_of([params[name] for name in (*plan.context, *plan.arm)], trial.spec.seed)
    tags = {
        "mlflow.runName": label,
        "arm": " ".join(str(params[name]) for name in plan.arm),
        "cell": cell_fingerprint(trial.spec),
        "seed": str(trial.spec.seed),
        "fingerprint": fingerprint(trial.spec),
        "scale": plan.scale,
    }
    return TrialIdentity(trial=trial, params=params, varied=varied, label=label, tags=tags)


def run_tags(identity: TrialIdentity, attempt: int, environment: Mapping[str, Any]) -> dict[str, str]:
    """Return all tags of one attempt's run."""
    return {**identity.tags, "attempt": str(attempt), "git_sha": str(environment.get("git_sha"))}


def label_of(values: Sequence[Value], seed: int) -> str:
    """Return values and seed as progress output and MLflow show them, numbers to three digits."""
    return " ".join(f"{value:.3g}" if isinstance(value, float) else str(value) for value in values) + f" seed {seed}"
