"""Trial on disk: its outcome, from its files and from those of earlier versions, and the names of its files."""

import json

import pytest

from resnet_lab.errors import UserError
from resnet_lab.outcomes import Outcome, Status
from resnet_lab.trials import trial as schema
from resnet_lab.trials.trial import Trial
from tests.specs import TINY, write_result


@pytest.fixture
def trial(tmp_path):
    trial = Trial(root=tmp_path, spec=TINY)
    trial.folder.mkdir()
    return trial


def failed(trial, **failure):
    trial.failure_file.write_text(json.dumps(failure))
    return trial.outcome()


def test_a_trial_without_result_or_failure_is_missing(trial):
    assert trial.outcome() == Outcome(status=Status.MISSING)


def test_a_result_makes_it_complete_whatever_an_earlier_attempt_left(trial):
    trial.failure_file.write_text(json.dumps({"reason": "diverged"}))
    write_result(trial, {"test/error": 5.0, "val/error": 6.0})
    assert trial.outcome() == Outcome(status=Status.COMPLETE)


def test_a_failure_that_cannot_be_read_is_none(trial):
    for damage in (b"", b"{", b"[]", b"3", b'{"detail": "no reason"}', b'{"reason": 3}', b"\xff", b"[" * 100_000):
        trial.failure_file.write_bytes(damage)
        assert (trial.failure(), trial.outcome().status) == (None, Status.MISSING)


def test_a_file_in_the_folders_place_is_an_error_that_names_it(trial):
    trial.folder.rmdir()
    trial.folder.touch()
    with pytest.raises(UserError, match=f"{trial.name}.*move away"):
        trial.outcome()


@pytest.mark.parametrize("reason", ["diverged", "refused", "user error", "orphaned", "RuntimeError", "out of memory"])
def test_a_failure_is_failed_with_its_reason_as_recorded(trial, reason):
    outcome = failed(trial, reason=reason, detail="what went wrong", traceback="... Error: what went wrong")
    assert outcome == Outcome(status=Status.FAILED, reason=reason, detail="what went wrong")
    assert failed(trial, reason=reason) == Outcome(status=Status.FAILED, reason=reason)


@pytest.mark.parametrize(("error", "reason"), [("UserError", "user error"), ("RefusedError", "refused")])
def test_a_refusal_of_an_earlier_version_is_read_by_its_traceback(trial, error, reason):
    traceback = f"Traceback (most recent call last):\n  ...\nresnet_lab.errors.{error}: give --data-dir another one\n"
    assert failed(trial, reason="refused", detail="give", traceback=traceback).reason == reason


def test_its_files_are_those_of_the_schema_and_lie_in_its_folder(trial):
    files = [value for name, value in vars(Trial).items() if name.endswith("_file") and isinstance(value, property)]
    paths = [value.fget(trial) for value in files]
    assert len(paths) == 11
    assert {path.parent for path in paths} == {trial.folder}
    assert all(path.name in schema.__doc__ for path in paths)
