"""Outcomes: which errors have which reason, and which reasons are final, charged and retried."""

import errno

import pytest
import torch

from resnet_lab.engine.session import DivergenceError
from resnet_lab.errors import DiskFullError, RefusedError, UserError
from resnet_lab.outcomes import MAX_LOSSES, MAX_RETRIES, Reason, reason_for, reason_of
from resnet_lab.tracking import TrackingError
from resnet_lab.trials.run_trial import OrphanedError, _describe

RULES = {
    # reason: (final, charged, retried after the first failure)
    Reason.DIVERGED: (True, True, False),
    Reason.REFUSED: (True, True, False),
    Reason.USER_ERROR: (False, False, False),
    Reason.OUT_OF_MEMORY: (False, True, True),
    Reason.DISK_FULL: (False, False, False),
    Reason.CRASHED_TOGETHER: (False, False, True),
    Reason.NODE_LOST: (False, False, True),
    Reason.ORPHANED: (False, True, True),
    Reason.INTERRUPTED: (False, False, False),
    Reason.PRUNED: (False, False, False),
    Reason.CRASHED: (False, True, True),
}


def test_every_reason_has_its_rules():
    assert set(RULES) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_final_charged_and_retried_by_its_rules(reason):
    assert (reason.is_final, reason.is_charged, reason.is_retried(1)) == RULES[reason]


@pytest.mark.parametrize("reason", Reason)
def test_no_reason_is_retried_more_than_three_times(reason):
    assert reason.is_retried(MAX_RETRIES) == RULES[reason][2]
    others_fault = (Reason.CRASHED_TOGETHER, Reason.NODE_LOST)
    assert reason.is_retried(MAX_RETRIES + 1) == (reason in others_fault), "tried alone or elsewhere, it may end well"


def test_what_wants_room_is_tried_with_the_machine_to_itself():
    assert {reason for reason in Reason if reason.needs_room} == {Reason.OUT_OF_MEMORY, Reason.CRASHED_TOGETHER}


@pytest.mark.parametrize(
    ("error", "text", "reason"),
    [
        (RefusedError("an invalid combination"), "refused", Reason.REFUSED),
        (UserError("the data folder does not exist"), "user error", Reason.USER_ERROR),
        (TrackingError("MLflow could not answer", "mend it"), "user error", Reason.USER_ERROR),
        (OSError(errno.ENOSPC, "No space left on device"), "disk full", Reason.DISK_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk full", Reason.DISK_FULL),
        (DiskFullError("there is no room for it"), "disk full", Reason.DISK_FULL),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"), "out of memory", Reason.OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory", Reason.OUT_OF_MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out of memory", Reason.OUT_OF_MEMORY),
        (ImportError("torch.so: failed to map segment from shared object"), "out of memory", Reason.OUT_OF_MEMORY),
        (ImportError("a.so: failed to map segment: Operation not permitted"), "ImportError", Reason.CRASHED),
        (PermissionError(errno.EACCES, "Permission denied"), "user error", Reason.USER_ERROR),
        (OSError(errno.EIO, "Input/output error"), "OSError", Reason.CRASHED),
        (MemoryError(), "out of memory", Reason.OUT_OF_MEMORY),
        (RuntimeError("an illegal access"), "RuntimeError", Reason.CRASHED),
    ],
    ids=repr,
)
def test_an_error_is_recorded_as_a_text_that_is_read_back_as_its_reason(error, text, reason):
    assert reason_for(error) == text
    assert reason_of(text) == reason


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DivergenceError("the training loss is nan"), "diverged"),
        (OrphanedError("the driver is gone"), "orphaned"),
        (UserError("mend it"), "user error"),
        (RefusedError("no"), "refused"),
    ],
)
def test_a_worker_records_its_own_errors_too(error, text):
    record = _describe(error)
    assert (str(record["reason"]), record["detail"]) == (text, str(error))


@pytest.mark.parametrize("text", [None, "", "killed by signal 9", "exit code 1", "RuntimeError", "Diverged"])
def test_any_other_text_is_a_crash(text):
    assert reason_of(text) == Reason.CRASHED


def test_a_lost_node_is_retried_ten_times_whatever_the_trial_did_by_itself():
    assert Reason.NODE_LOST.is_retried(MAX_RETRIES + 1, losses=MAX_LOSSES)
    assert not Reason.NODE_LOST.is_retried(0, losses=MAX_LOSSES + 1)
