"""Matched controls: the baseline at the width at which it is as large, or costs as much, as an arm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resnet_lab.spec.choices import Value
from studies.plan.options import Match

WIDTH = "model.width"
"""The field that a control changes in the baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The control of one arm in one context. It is the baseline itself where no other width is nearer."""

    context: Mapping[str, Value]
    arm: Mapping[str, Value]
    control: Mapping[str, Value]
    """The control as an arm of the plan: the baseline's levels and another width."""
    what: Match
    baseline: int
    """What the baseline has of it, at its own width."""
    wanted: int
    """What the arm has of it."""
    found: int
    """What the control has of it."""

    def as_dict(self) -> dict[str, Any]:
        """Return the control as JSON takes it."""
        numbers = {"baseline": self.baseline, "wanted": self.wanted, "found": self.found}
        fields = {"context": dict(self.context), "arm": dict(self.arm), "control": dict(self.control)}
        return {**fields, "what": self.what.value, **numbers}
