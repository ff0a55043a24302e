"""The identity of a planned trial: it is called by the fields that its plan varies."""

from collections.abc import Mapping

from analysis.tables.cells import arm_label
from analysis.tables.labels import MANY
from resnet_lab.runner.identity import TrialIdentity
from resnet_lab.runner.identity import identify as identify_by
from resnet_lab.spec.choices import Value
from resnet_lab.spec.fields import pick
from resnet_lab.spec.labels import short_label
from resnet_lab.spec.protocol import fault_words
from resnet_lab.trials.trial import Trial
from studies.plan.plan import Plan


def identify(plan: Plan, trial: Trial) -> TrialIdentity:
    """Return the identity of one of a plan's trials."""
    arm, context = pick(trial.spec, plan.arm), pick(trial.spec, plan.context)
    tags = {"arm": arm_name(arm, plan.baseline()), "context": short_label(context), "scale": plan.scale}
    label = _crowded_label(plan, trial) if len(plan.arm) > MANY else ""
    return identify_by(trial, (*plan.arm, *plan.context), tags, label=label)


def arm_name(arm: Mapping[str, Value], baseline: Mapping[str, Value]) -> str:
    """Return an arm as MLflow's tag has it: `norm=after act=none`, or, of many fields, what it changes."""
    return short_label(arm) if len(arm) <= MANY else arm_label(arm, baseline, " ")


def _crowded_label(plan: Plan, trial: Trial) -> str:
    """Return what an arm of many fields changes, its context, and what is wrong with its protocol."""
    own = arm_label(pick(trial.spec, plan.arm), plan.baseline(), " ")
    faults = fault_words(trial.spec)
    return " ".join(
        part for part in (own, short_label(pick(trial.spec, plan.context)), faults and f"faulty: {faults}") if part
    )
