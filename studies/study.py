"""What a study declares: a question, the switches it compares, and at what scales."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from resnet_lab.fields import Value
from resnet_lab.spec import DatasetName

Levels = Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One size at which a study can be run."""

    dataset: DatasetName
    context: Levels
    """Fields crossed with the arms; arms are compared within each of their combinations."""
    seeds: tuple[int, ...]
    epochs: int | None = None
    """Length of a run in epochs; None leaves `recipe.iterations`."""
    changes: Mapping[str, Value] = field(default_factory=dict)
    """Fields that differ from the baseline of He et al. 2015 in every run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A question whose answer is one table."""

    name: str
    question: str
    arm: Levels
    """The switches under study; the first value of each belongs to the baseline."""
    scales: Mapping[str, Scale]

    def baseline(self) -> dict[str, Value]:
        """Return the arm every other is compared with."""
        return {name: values[0] for name, values in self.arm.items()}
