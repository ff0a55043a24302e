"""Outcomes of trials: status, reason, and which reasons are final, charged to the trial, or tried again.

One vocabulary from the worker's failure.json to Optuna, MLflow, tables and reports. A crash keeps its own words
(`RuntimeError`, `killed by signal 9`) as text; `reason_of` maps them to `Reason.CRASHED`.
"""

import errno
import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from resnet_lab.errors import RefusedError, UserError, is_full

MAX_RETRIES = 3
MAX_LOSSES = 10
"""How often a launch tries a trial again whose node was lost: it may be the trial that brings nodes down."""


class Status(StrEnum):
    """Where a planned trial stands."""

    COMPLETE = "complete"
    """It was trained to its end, and its figures are written."""
    FAILED = "failed"
    """Its last attempt ended without figures."""
    MISSING = "missing"
    """It has not ended: waiting, running, or interrupted."""


class Reason(StrEnum):
    """Why a trial has no figures."""

    DIVERGED = "diverged"
    """The loss was not finite. A trial is a function of its spec: it would diverge again."""
    REFUSED = "refused"
    """The combination of its fields is invalid. It would be refused again."""
    USER_ERROR = "user error"
    """Something outside the trial that the user can mend: missing data, a full disk, an unwritable folder."""
    OUT_OF_MEMORY = "out of memory"
    """The process or the GPU had no memory left. It is tried once more, with the machine to itself."""
    DISK_FULL = "disk full"
    """There was no room for its files: the launch ends, for no other trial would fare better."""
    CRASHED_TOGETHER = "crashed together"
    """Its process died while it trained others too, whichever of them was to blame: each is tried alone."""
    NODE_LOST = "node lost"
    """The machine it ran on was lost, or the process there that ran it; it goes on elsewhere from its last epoch."""
    ORPHANED = "orphaned"
    """The driver died while the trial ran; its last epoch is kept."""
    INTERRUPTED = "interrupted"
    """The launch ended first: by Ctrl-C, or by an error of its own."""
    PRUNED = "pruned"
    """A search's pruner stopped it."""
    CRASHED = "crashed"
    """Anything else: an exception, a signal, an exit code."""

    @property
    def is_final(self) -> bool:
        """Whether another attempt would end in the same way, whatever the user mends."""
        return self in (Reason.DIVERGED, Reason.REFUSED)

    @property
    def is_charged(self) -> bool:
        """Whether it counts as a failure of the trial's own, of which a trial may have `MAX_RETRIES` and one more."""
        free = (Reason.INTERRUPTED, Reason.USER_ERROR, Reason.PRUNED, Reason.DISK_FULL, Reason.CRASHED_TOGETHER)
        return self not in (*free, Reason.NODE_LOST)

    @property
    def needs_room(self) -> bool:
        """Whether another attempt is worth it with the machine to itself only."""
        return self in (Reason.OUT_OF_MEMORY, Reason.CRASHED_TOGETHER)

    def is_retried(self, failures: int, losses: int = 0) -> bool:
        """Return whether the launch tries again after this failure; `failures` are those charged, this one included.

        `losses` are the nodes that were lost under the trial in this launch. What the user has to mend first waits for
        the next launch.
        """
        if self == Reason.NODE_LOST:
            return losses <= MAX_LOSSES
        if self == Reason.CRASHED_TOGETHER:
            return True
        return self.is_charged and not self.is_final and failures <= MAX_RETRIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a trial stands: `reason` is its text as recorded, `detail` the error message, both for a failed one alone."""

    status: Status
    reason: str | None = None
    detail: str = ""
    result: Mapping[str, Any] | None = field(default=None, compare=False)
    """The final figures of a complete trial: who asks for the outcome need not read them again."""
    is_signed: bool = field(default=True, compare=False)
    """False where an earlier version wrote the result, which signed none."""

    @property
    def sentence(self) -> str:
        """The first line of the error message: what tables, reports and MLflow say besides the reason."""
        return self.detail.strip().partition("\n")[0]


def with_sentence(reason: str, sentence: str) -> str:
    """Return `diverged: the training loss is nan in epoch 2`, or the reason alone where there is no sentence."""
    return f"{reason}: {sentence}" if sentence else reason


def reason_of(text: str | None) -> Reason:
    """Return the reason that a recorded text stands for: `Reason.CRASHED` for a crash's own words."""
    try:
        return Reason(text or "")
    except ValueError:
        return Reason.CRASHED


MENDED_BY_THE_USER = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
"""What torch says, in a RuntimeError, of a processor's memory and of a GPU's."""


def reason_for(error: BaseException) -> str:
    """Return the text to record for an exception; for a crash that is the exception's name."""
    if isinstance(error, RefusedError):
        return Reason.REFUSED
    if is_full(error):
        return Reason.DISK_FULL
    if isinstance(error, UserError) or (isinstance(error, OSError) and error.errno in MENDED_BY_THE_USER):
        return Reason.USER_ERROR
    if isinstance(error, MemoryError) or _says_no_memory(error):
        return Reason.OUT_OF_MEMORY
    return type(error).__name__


def failure(reason: str, error: BaseException) -> dict[str, Any]:
    """Return what a worker records of the error that is handled now: the content of failure.json."""
    return {"reason": reason, "detail": str(error), "traceback": traceback.format_exc(), "pid": os.getpid()}


def _says_no_memory(error: BaseException) -> bool:
    # torch.OutOfMemoryError is a RuntimeError; what allocates for a processor raises a plain one.
    text = str(error).lower()
    if isinstance(error, ImportError):  # the loader gives the reason of any other fault after these words
        return text.endswith("failed to map segment from shared object")
    return isinstance(error, RuntimeError | OSError) and any(words in text for words in NO_MEMORY)
