"""The identity of a trial: name, parameters, label and tags, computed once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import flatten
from resnet_lab.spec.fingerprint import cell_fingerprint, fingerprint
from resnet_lab.spec.labels import short_label
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
    """The trial in a line: `norm=before act=none d=56 s1`."""
    cell: str
    """The same without the seed."""
    tags: Mapping[str, str]
    """Those of its run in MLflow that depend on the spec and on who runs it alone."""
    faults: str = ""
    """What is wrong with its protocol; empty where that is correct."""

    @property
    def name(self) -> str:
        return self.trial.name


def identify(trial: Trial, names: Iterable[str], tags: Mapping[str, str], *, label: str = "") -> TrialIdentity:
    """Return the identity of a trial that its fields `names` distinguish; `tags` join those of its spec.

    `label` stands for the fields where they are too many for a line.
    """
    params = flatten(trial.spec)
    varied = {name: params[name] for name in names}
    faults = fault_words(trial.spec)
    cell = label or cell_label(varied, faults)
    name = f"{cell} s{trial.spec.seed}"
    own = {
        "mlflow.runName": name,
        "cell": cell_fingerprint(trial.spec),
        "seed": str(trial.spec.seed),
        "fingerprint": fingerprint(trial.spec),
    }
    own |= {"protocol": f"faulty: {faults}"} if faults else {}
    return TrialIdentity(
        trial=trial,
        params=params,
        varied=varied | {"seed": trial.spec.seed},
        label=name,
        cell=cell,
        tags=own | dict(tags),
        faults=faults,
    )


def cell_label(varied: Mapping[str, Value], faults: str) -> str:
    """Return the varied fields in a line, and in place of a protocol's what is wrong with it."""
    shown = {name: value for name, value in varied.items() if not name.startswith(PREFIX)}
    word = f"faulty: {faults}" if faults else "correct" if len(shown) < len(varied) else ""
    return f"{short_label(shown)} {word}".strip()


def run_tags(identity: TrialIdentity, attempt: int, environment: Mapping[str, Any]) -> dict[str, str]:
    """Return all tags of one attempt's run."""
    code = {"code_sha256": environment["code_sha256"]} if "code_sha256" in environment else {}
    return {**identity.tags, "attempt": str(attempt), "git_sha": str(environment.get("git_sha")), **code}
