"""Accuracy by class of a study's trials: its figures and files, with the classes' names."""

import json
from pathlib import Path

import pytest

from resnet_lab.checkpoint import save_model
from resnet_lab.engine import train
from resnet_lab.trials.trial import Trial
from studies.results.class_accuracy import FOLDER, class_accuracy
from tests.specs import TINY


@pytest.mark.usefixtures("one_thread")
def test_accuracy_by_class_is_that_of_the_test(tmp_path: Path) -> None:
    trial = Trial(root=tmp_path, spec=TINY)
    trial.folder.mkdir()
    result = train(TINY)
    save_model(trial.folder, TINY, result.model)
    found = class_accuracy(trial, None)
    written = json.loads((trial.folder / FOLDER / "evaluation.json").read_text())
    confusion = json.loads((trial.folder / FOLDER / "confusion.json").read_text())
    assert written["classes"] == confusion["classes"] == list("0123456789")
    assert sum(confusion["counts"][label][label] for label in range(10)) == 360 - result.test.wrong
    assert found["classes/least_accuracy"] == min(written["per_class"])
    assert found["classes/mean_accuracy"] == pytest.approx(sum(written["per_class"]) / 10)
    assert (trial.folder / FOLDER / "confusion.png").is_file()
