"""Trial stores and searchers: the protocols of what the driver records trials in, and of what proposes them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from resnet_lab.spec.choices import Value
from resnet_lab.trials.trial import Trial


class TrialStore(Protocol):
    """Trials and their states: `FolderStore`, or `OptunaStore` of a plan, or `SearchGroup` of searches."""

    def is_complete(self, trial: Trial) -> bool:
        """Whether the store holds the trial's result."""

    def failures(self, trial: Trial) -> int:
        """Return how often the trial failed by itself: what the user can mend, or interrupts, is not counted."""

    def start(self, trial: Trial, fields: Mapping[str, Value]) -> None:
        """Record the trial as running. `fields` are the varied fields and the seed, by dotted name."""

    def complete(self, trial: Trial, result: Mapping[str, Any]) -> None:
        """Record the result of a running trial."""

    def fail(self, trial: Trial, reason: str) -> None:
        """Record why a running trial has no result."""


class Searcher(Protocol):
    """A search: what to run next depends on the results so far."""

    @property
    def budget(self) -> int:
        """How many trials are left to propose."""

    def propose(self) -> Trial | None:
        """Return the next trial, or None while (or since) there is none."""

    def report(self, trial: Trial, records: Sequence[Mapping[str, float]]) -> None:
        """Record epochs that have just finished, at least one."""

    def should_prune(self, trial: Trial) -> bool:
        """Return whether the trial is to be stopped, after what was reported of it; not at its last epoch."""

    def prune(self, trial: Trial) -> None:
        """Record that the trial was stopped."""
