"""The contract that the driver relies on, from folders and the failures of this launch."""

import json

import pytest

from resnet_lab.outcomes import Reason
from resnet_lab.train.folder_store import FolderStore
from resnet_lab.trials.trial import Trial
from tests.specs import TINY, write_result


@pytest.fixture
def trial(tmp_path):
    trial = Trial(root=tmp_path, spec=TINY)
    trial.folder.mkdir()
    return trial


def test_a_result_makes_a_trial_complete(trial):
    store = FolderStore()
    assert not store.is_complete(trial)
    trial.result_file.write_text("{}")
    assert not store.is_complete(trial)
    write_result(trial, {"test/error": 5.0, "val/error": 6.0})
    assert store.is_complete(trial)


def test_only_what_is_charged_counts(trial):
    store = FolderStore()
    for reason in (Reason.INTERRUPTED, Reason.USER_ERROR, "RuntimeError", "killed by signal 9"):
        store.fail(trial, reason)
    assert store.failures(trial) == 2


@pytest.mark.parametrize(("reason", "failures"), [("diverged", 1), ("RuntimeError", 0), ("user error", 0)])
def test_of_earlier_launches_only_what_is_final_counts(trial, reason, failures):
    trial.failure_file.write_text(json.dumps({"reason": reason}))
    assert FolderStore().failures(trial) == failures
