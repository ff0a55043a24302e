"""A trial's folder: complete, failed, interrupted, damaged."""

import dataclasses
import errno
import json
from typing import NamedTuple

import pytest

import resnet_lab.engine.session
import resnet_lab.trials.run_trial
from resnet_lab.checkpoint import load_model
from resnet_lab.engine.epoch_runner import make_epoch_runner
from resnet_lab.engine.graph_capture import CaptureError, NoCapture
from resnet_lab.engine.resume import load_state
from resnet_lab.errors import RefusedError, UserError
from resnet_lab.outcomes import Outcome, Status
from resnet_lab.spec.fields import replace
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial, read_trial
from resnet_lab.trials.versions import codes_of
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = WorkerSettings(
    data_dir=None, device="cpu", environment={"git_sha": "abc", "git_dirty": False, "argv": ["x"]}
)


def interrupt_after(monkeypatch, epochs, error):
    """Make sessions fail at the start of the epoch after `epochs`."""
    original = resnet_lab.engine.session.Session.run_epoch

    def run_epoch(self):
        if self.epoch >= epochs:
            raise error
        return original(self)

    monkeypatch.setattr(resnet_lab.engine.session.Session, "run_epoch", run_epoch)


class Pair(NamedTuple):
    whole: Trial
    broken: Trial


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A trial that was trained to its end, and the same one interrupted after two of its three epochs."""
    whole, broken = Trial(root=tmp_path / "a", spec=TINY), Trial(root=tmp_path / "b", spec=TINY)
    run_trial(whole, SETTINGS)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            run_trial(broken, SETTINGS)
    return Pair(whole, broken)


def test_a_complete_trial_leaves_everything_a_reader_needs(tmp_path):
    trial = Trial(root=tmp_path, spec=TINY)
    assert run_trial(trial, SETTINGS)
    assert trial.folder.name == trial.name == f"{trial.name.split('-')[0]}-seed0"
    result, environment = trial.result(), trial.environment()
    assert result["epochs"] == 3 == len(trial.history())
    assert result["test/images"] == 360
    assert result["test/error"] == 100 * result["test/wrong"] / 360
    assert environment["git_sha"] == "abc"
    assert environment["data"]["name"] == "digits"
    assert len(environment["data"]["sha256"]) == 64
    assert environment["precision"] in ("bfloat16", "float32")
    assert environment["threads"] == 1
    assert not (trial.folder / "resume.pt").exists()
    checkpoint = load_model(trial.folder)
    assert checkpoint.spec == TINY
    assert checkpoint.sha256 == result["sha256"]
    assert read_trial(trial.folder).spec == TINY


def test_a_complete_trial_is_not_trained_again(tmp_path, monkeypatch):
    trial = Trial(root=tmp_path, spec=TINY)
    run_trial(trial, SETTINGS)
    interrupt_after(monkeypatch, 0, AssertionError("trained again"))
    assert run_trial(trial, SETTINGS)


def test_an_interrupted_trial_goes_on_from_its_last_epoch_to_the_same_weights(pair):
    whole, broken = pair
    assert broken.result() is None
    # The process died after it had written a line of an epoch whose state was never saved, and half of another.
    with (broken.folder / "history.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": 3, "train/loss": 99.0}) + "\n" + '{"epoch": 4, "tra')
    assert run_trial(broken, SETTINGS)
    assert [record["epoch"] for record in broken.history()] == [1, 2, 3]
    assert broken.history()[2]["train/loss"] == whole.history()[2]["train/loss"]
    assert broken.result()["sha256"] == whole.result()["sha256"]


def test_a_trial_records_its_start_once_and_all_code_that_trained_it(pair):
    whole, broken = pair
    start = broken.start_file.read_bytes()
    assert start == whole.start_file.read_bytes()
    assert set(json.loads(start)) == {"first_batch", "order", "parameters"}
    broken.start_file.write_bytes(b"damaged")  # the state has it: it began so, whatever code goes on
    environment = {**SETTINGS.environment, "code_sha256": "later"}
    assert run_trial(broken, dataclasses.replace(SETTINGS, environment=environment))
    assert broken.start_file.read_bytes() == start
    assert codes_of(broken.environment()) == ("unrecorded", "later")
    assert broken.result()["sha256"] == whole.result()["sha256"]


def test_a_damaged_resume_file_starts_it_again_with_the_same_weights(pair):
    whole, broken = pair
    state = broken.folder / "resume.pt"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)
    assert run_trial(broken, SETTINGS)
    assert len(broken.history()) == 3
    assert broken.result()["sha256"] == whole.result()["sha256"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (resnet_lab.engine.session.DivergenceError("the training loss is nan"), "diverged"),
        (RefusedError("the combination is invalid"), "refused"),
        (UserError("no such file"), "user error"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk full"),
        (OSError(errno.EIO, "Input/output error"), "OSError"),
        (MemoryError(), "out of memory"),
        (RuntimeError("out of luck"), "RuntimeError"),
    ],
)
def test_a_failure_is_recorded_with_its_reason_and_forgotten_by_the_next_attempt(tmp_path, monkeypatch, error, reason):
    trial = Trial(root=tmp_path, spec=TINY)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1, error)
        assert not run_trial(trial, SETTINGS)
    assert trial.failure()["reason"] == reason
    assert trial.result() is None
    assert run_trial(trial, SETTINGS)
    assert trial.failure() is None


def test_a_folder_without_a_trial_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no trial"):
        read_trial(tmp_path)


def test_a_vanished_data_folder_is_the_users_to_mend_and_the_trial_is_trained_once_it_is_back(tmp_path):
    spec = replace(TINY, {"data.name": "cifar10"})
    trial, gone = Trial(root=tmp_path / "trials", spec=spec), tmp_path / "gone"
    assert not run_trial(trial, dataclasses.replace(SETTINGS, data_dir=gone))
    outcome = trial.outcome()
    assert (outcome.status, outcome.reason) == (Status.FAILED, "user error")
    assert outcome.detail.startswith(f"the data folder {gone} does not exist")


def test_a_full_disk_is_the_users_to_mend(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    trial = Trial(root=tmp_path, spec=TINY)
    with monkeypatch.context() as patch:
        patch.setattr("resnet_lab.checkpoint.save_model", full)
        assert not run_trial(trial, SETTINGS)
    assert trial.outcome().reason == "disk full"
    assert run_trial(trial, SETTINGS)
    assert trial.outcome() == Outcome(status=Status.COMPLETE)


@pytest.mark.parametrize(
    "changes",
    [
        {"data.train_images": 16},  # less than a batch
        {"data.train_images": 100_000},
        {"model.name": "vgg16_bn", "model.depth": 20, "model.width": 16},
    ],
    ids=str,
)
def test_a_spec_that_no_mending_makes_trainable_is_refused(tmp_path, changes):
    trial = Trial(root=tmp_path, spec=replace(TINY, changes))
    assert not run_trial(trial, SETTINGS)
    assert trial.outcome().reason == "refused"


def test_a_capture_that_failed_is_in_the_trials_record_and_the_trial_is_complete(tmp_path, monkeypatch, capsys):
    class Refusing(NoCapture):
        def record(self, *_):
            raise CaptureError("operation not permitted when stream is capturing")

    def captured(*arguments):
        *rest, settings, average = arguments
        return make_epoch_runner(*rest, dataclasses.replace(settings, capture=Refusing()), average)

    monkeypatch.setattr(resnet_lab.engine.session, "make_epoch_runner", captured)
    trial, alone = Trial(root=tmp_path, spec=TINY), Trial(root=tmp_path / "alone", spec=TINY)
    assert run_trial(trial, SETTINGS)
    said = "eager: the capture failed: operation not permitted when stream is capturing"
    assert trial.environment()["step"] == said
    assert [engine["step"] for engine in trial.environment()["engines"]] == ["captured", said]
    assert capsys.readouterr().out.splitlines().count(f"{trial.name}: {said}") == 1
    monkeypatch.undo()
    assert run_trial(alone, SETTINGS)
    assert trial.result()["test/wrong"] == alone.result()["test/wrong"]


def test_states_saved_every_few_seconds_are_gone_on_from_to_the_same_weights(pair, tmp_path, monkeypatch):
    monkeypatch.setitem(resnet_lab.trials.run_trial.STATE_EVERY_S, "cpu", 1e6)
    broken = Trial(root=tmp_path / "c", spec=TINY)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            run_trial(broken, SETTINGS)
    assert len(broken.history()) == 2
    assert load_state(broken.state_file)["epoch"] == 1
    assert run_trial(broken, SETTINGS)
    assert [record["epoch"] for record in broken.history()] == [1, 2, 3]
    assert broken.result()["sha256"] == pair.whole.result()["sha256"]
    stopped = Trial(root=tmp_path / "d", spec=TINY)
    assert not run_trial(stopped, SETTINGS, stopped=lambda: len(stopped.history()) == 2)
    assert load_state(stopped.state_file)["epoch"] == 2, "one that is stopped loses nothing"
