"""Claims: statements on two cells of a study that its results hold or refute, as a study and plan.json have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from resnet_lab.spec.choices import Value


class ClaimKind(StrEnum):
    WORSE_THAN = "worse_than"
    """The mean test error is larger by more than the margin."""
    EQUIVALENT = "equivalent"
    """The mean test errors differ by less than the margin, either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim. In plan.json both cells have every field that the study varies, in a study only what they change."""

    kind: ClaimKind
    arm: Mapping[str, Value]
    baseline: Mapping[str, Value]
    margin: float
    """In points of test error: `by` of the first kind."""
    power: float
    """The chance of an answer that the number of seeds is planned for."""

    def as_dict(self) -> dict[str, Any]:
        """Return the claim as JSON takes it."""
        cells = {"arm": dict(self.arm), "baseline": dict(self.baseline)}
        return {"kind": self.kind.value, **cells, "margin": self.margin, "power": self.power}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the claim of `as_dict`."""
        return cls(**{**content, "kind": ClaimKind(content["kind"])})
