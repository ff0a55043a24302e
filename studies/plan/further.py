"""Further trials: what a mode may train besides a plan's own trials, or in their place."""

from collections.abc import Sequence
from dataclasses import dataclass

from resnet_lab.spec import RunSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """Trials that are not known beforehand: how many there are at most, and what each would cost."""

    sentence: str
    """What they are for, as a dry run says it."""
    likes: Sequence[tuple[RunSpec, int]]
    """Runs that they cost as much as, each with how many there are at most."""
    replaces_plan: bool = False
    """Whether they are run in place of the plan's own trials."""

    @property
    def count(self) -> int:
        """How many there are at most."""
        return sum(count for _, count in self.likes)
