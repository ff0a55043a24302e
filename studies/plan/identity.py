"""The identity of a planned trial: it is called by the fields that its plan varies."""

from analysis.tables.cells import arm_label
from resnet_lab.runner.identity import TrialIdentity
from resnet_lab.runner.identity import identify as identify_by
from resnet_lab.spec.fields import pick
from resnet_lab.trials.trial import Trial
from studies.plan.plan import Plan


def identify(plan: Plan, trial: Trial) -> TrialIdentity:
    """Return the identity of one of a plan's trials."""
    arm = arm_label(pick(trial.spec, plan.arm), plan.baseline(), " ")
    return identify_by(trial, (*plan.context, *plan.arm), {"arm": arm, "scale": plan.scale})
