"""Selection: under select=best_validation the weights of that epoch are tested and kept."""

import dataclasses

import pytest
import torch

from resnet_lab.checkpoint import load_model
from resnet_lab.data.load import load
from resnet_lab.engine import evaluate, session
from resnet_lab.engine.session import Session
from resnet_lab.spec.fields import replace
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
# At this rate the last epoch is not the best one.
SPEC = replace(
    TINY,
    {"recipe.iterations": 24, "recipe.schedule": "one_cycle", "recipe.lr": 2.0, "recipe.select": "best_validation"},
)
SETTINGS = WorkerSettings(data_dir=None, device="cpu", environment={"git_sha": "abc", "git_dirty": False, "argv": []})


@pytest.fixture
def scripted(monkeypatch):
    """Make the validation error of the epochs what a list says: the third is best, and the fifth equals it."""
    errors = iter([50.0, 40.0, 30.0, 35.0, 30.0, 60.0])
    real = evaluate.evaluate

    def scripted_evaluate(model, images, data, dtype):
        found = real(model, images, data, dtype)
        if images is not data.val:
            return found
        return dataclasses.replace(found, wrong=round(found.images * next(errors) / 100))

    monkeypatch.setattr(session, "evaluate", scripted_evaluate)


@pytest.mark.usefixtures("scripted")
def test_the_first_best_epoch_is_tested():
    data = load(SPEC.data)
    one, states = Session(SPEC, data, CPU), []
    while not one.done:
        one.run_epoch()
        states.append({name: tensor.clone() for name, tensor in one.model.state_dict().items()})
    assert len(states) == 6
    assert one.selected_epoch == 3
    found = one.test()
    for name, tensor in one.model.state_dict().items():
        assert torch.equal(tensor, states[2][name]), name
    assert found == evaluate.evaluate(one.model, data.test, data, one.dtype)


@pytest.mark.usefixtures("scripted")
def test_the_last_epoch_is_tested_where_nothing_is_selected():
    one = Session(replace(SPEC, {"recipe.select": "last"}), load(SPEC.data), CPU)
    while not one.done:
        one.run_epoch()
    last = {name: tensor.clone() for name, tensor in one.model.state_dict().items()}
    one.test()
    assert one.selected_epoch == 6
    assert "best" not in one.state()
    assert all(torch.equal(tensor, last[name]) for name, tensor in one.model.state_dict().items())


@pytest.mark.usefixtures("scripted")
def test_a_trial_keeps_and_reports_the_selected_epoch(tmp_path):
    trial = Trial(root=tmp_path, spec=SPEC)
    assert run_trial(trial, SETTINGS)
    result, history = trial.result(), trial.history()
    assert result["selected_epoch"] == 3
    assert result["val/error"] == history[2]["val/error"] != history[-1]["val/error"]
    data, kept = load(SPEC.data), load_model(trial.folder)
    dtype = torch.float32
    assert evaluate.evaluate(kept.model, data.test, data, dtype).wrong == pytest.approx(result["test/wrong"], abs=1)


def test_a_trial_that_was_interrupted_after_its_best_epoch_is_bit_equal(tmp_path, monkeypatch):
    whole, broken = Trial(root=tmp_path / "a", spec=SPEC), Trial(root=tmp_path / "b", spec=SPEC)
    run_trial(whole, SETTINGS)
    original = Session.run_epoch

    def run_epoch(self):
        if self.epoch >= whole.result()["selected_epoch"] + 1:
            raise KeyboardInterrupt
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "run_epoch", run_epoch)
        with pytest.raises(KeyboardInterrupt):
            run_trial(broken, SETTINGS)
    run_trial(broken, SETTINGS)
    assert whole.result()["selected_epoch"] < whole.result()["epochs"] - 1
    assert broken.result()["sha256"] == whole.result()["sha256"]
    assert broken.result()["test/error"] == whole.result()["test/error"]


def test_a_trial_without_selection_reports_what_it_did(tmp_path):
    trial = Trial(root=tmp_path, spec=TINY)
    run_trial(trial, SETTINGS)
    assert "selected_epoch" not in trial.result()
