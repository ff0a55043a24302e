"""The identity of a trial: name, parameters, label and tags, computed once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten
from resnet_lab.spec.fingerprint import cell_fingerprint, fingerprint
from resnet_lab.spec.protocol import PREFIX, fault_words
from resnet_lab.trials.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialIdentity:
    """What a trial is called and found by."""

    trial: Trial
    params: Mapping[str, Value]
    """Every field of its spec, by dotted name."""
    varied: Mapping[str, Value]
    """The fields that distinguish it from its neighbours, and the seed."""
    label: str
    """Their values, short: `56 before_add none seed 1`."""
    tags: Mapping[str, str]
    """Those of its run in MLflow that depend on the spec and on who runs it alone."""
    faults: str = ""
    """What is wrong with its protocol; empty where that is correct."""

    @property
    def name(self) -> str:
        return self.trial.name


def identify(trial: Trial, names: Iterable[str], tags: Mapping[str, str]) -> TrialIdentity:
    """Return the identity of a trial that its fields `names` distinguish; `tags` join those of its spec."""
    params = flatten(trial.spec)
    varied = {name: params[name] for name in names}
    label = label_of(_values(trial, varied), trial.spec.seed)
    faults = fault_words(trial.spec)
    own = {
        "mlflow.runName": label,
        "cell": cell_fingerprint(trial.spec),
        "seed": str(trial.spec.seed),
        "fingerprint": fingerprint(trial.spec),
    }
    own |= {"protocol": f"faulty: {faults}"} if faults else {}
    return TrialIdentity(
        trial=trial,
        params=params,
        varied=varied | {"seed": trial.spec.seed},
        label=label,
        tags=own | dict(tags),
        faults=faults,
    )


def _values(trial: Trial, varied: Mapping[str, Value]) -> list[Value]:
    """Return what is called in a label: the varied fields, and in place of a protocol's what is wrong with it."""
    values = [value for name, value in varied.items() if not name.startswith(PREFIX)]
    if faults := fault_words(trial.spec):
        return [*values, f"faulty: {faults}"]
    return values if len(values) == len(varied) else [*values, "correct"]


def run_tags(identity: TrialIdentity, attempt: int, environment: Mapping[str, Any]) -> dict[str, str]:
    """Return all tags of one attempt's run."""
    code = {"code_sha256": environment["code_sha256"]} if "code_sha256" in environment else {}
    return {**identity.tags, "attempt": str(attempt), "git_sha": str(environment.get("git_sha")), **code}


def label_of(values: Sequence[Value], seed: int) -> str:
    """Return values and seed as progress output and MLflow show them, numbers to three digits."""
    return " ".join(f"{value:.3g}" if isinstance(value, float) else str(value) for value in values) + f" seed {seed}"
