"""The driver of a study's plan: its trials are called by what the plan varies, and log what the audit measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from resnet_lab.runner.driver import Driver
from resnet_lab.runner.identity import TrialIdentity
from resnet_lab.spec import RunSpec
from resnet_lab.trials.trial import Trial
from studies.audit.audit import Audit
from studies.plan.identity import identify
from studies.plan.plan import Plan


@dataclass(slots=True, kw_only=True)
class StudyDriver(Driver):
    """One phase of a study's launch."""

    plan: Plan
    audit: Audit | None = None

    def identify(self, trial: Trial) -> TrialIdentity:
        return identify(self.plan, trial)

    def network_metrics(self, spec: RunSpec) -> Mapping[str, float]:
        return self.audit.metrics_of(spec) if self.audit is not None else {}


def require_audit(driver: StudyDriver) -> Audit:
    """Return the driver's audit, which every launch makes."""
    if driver.audit is None:
        raise ValueError("a launch audits its plan before it runs")
    return driver.audit
