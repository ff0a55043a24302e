"""What the driver writes to and asks: the books of its trials, and a search that proposes them as results come in."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from resnet_lab.spec.choices import Value
from resnet_lab.trials.trial import Trial

INTERRUPTED = "interrupted"
MAX_RETRIES = 3
# A trial is a function of its spec: these would only fail in the same way again.
FINAL = frozenset({"diverged", "refused"})


def is_retried(reason: str, failures: int) -> bool:
    """Return whether a trial that failed so often, last for this reason, gets another attempt."""
    return reason not in FINAL and failures <= MAX_RETRIES


class TrialStore(Protocol):
    """What was asked and what came of it: `Ledger` for a plan, `Searches` for a search."""

    def is_complete(self, trial: Trial) -> bool: ...
    def failures(self, trial: Trial) -> int: ...
    def start(self, trial: Trial, fields: Mapping[str, Value]) -> None: ...
    def complete(self, trial: Trial, result: Mapping[str, Any]) -> None: ...
    def fail(self, trial: Trial, reason: str) -> None: ...


class Searcher(Protocol):
    """A search: what to run next depends on what came of the rest."""

    @property
    def budget(self) -> int:
        """How many trials are left to propose."""

    def propose(self) -> Trial | None:
        """Return the next trial, or None while (or since) there is none."""

    def hopeless(self, trial: Trial, records: Sequence[Mapping[str, float]]) -> bool:
        """Take note of epochs just finished; return whether the trial is to be stopped."""

    def prune(self, trial: Trial) -> None:
        """Record that the trial was stopped."""
