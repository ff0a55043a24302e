"""The driver of one network: its trial is called by the network and its images."""

from collections.abc import Mapping
from dataclasses import dataclass

from resnet_lab.inspect.facts import NetworkFacts
from resnet_lab.runner.driver import Driver
from resnet_lab.runner.identity import TrialIdentity, identify
from resnet_lab.spec import ModelName, RunSpec
from resnet_lab.spec.families import WITH_BLOCKS
from resnet_lab.trials.trial import Trial


@dataclass(slots=True, kw_only=True)
class TrainDriver(Driver):
    """The launch of one trial."""

    facts: NetworkFacts

    def identify(self, trial: Trial) -> TrialIdentity:
        return identify(trial, label_fields(trial.spec), {})

    def network_metrics(self, spec: RunSpec) -> Mapping[str, float]:  # noqa: ARG002  # there is one network
        return {"model/parameters": self.facts.parameters, "model/flops": self.facts.flops}


def label_fields(spec: RunSpec) -> tuple[str, ...]:
    """Return the fields that name a run in a line: network, its depth where that is a choice, and images."""
    scaled = spec.model.name in WITH_BLOCKS or spec.model.name == ModelName.DENSENET_BC
    return ("model.name", *(("model.depth",) if scaled else ()), "data.name")
