"""The record of a trial's mini-batches, and its test curve: only where asked for, whole after an interruption."""

import dataclasses
import json

import pytest

from resnet_lab.metrics import BATCH_ACCURACY, TEST_CURVE
from resnet_lab.trials import batch_record
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY

SETTINGS = WorkerSettings(data_dir=None, device="cpu", environment={})
ASKED = dataclasses.replace(SETTINGS, log_batches=True, log_test=True)


def test_what_is_written_is_read_and_trimmed(tmp_path):
    assert batch_record.read(tmp_path) == []
    batch_record.trim(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
    for epoch in (1, 2, 3):
        batch_record.append(tmp_path, epoch=epoch, first=2 * epoch - 1, accuracy=[50.0, 100 / 3])
    (record,) = batch_record.read(tmp_path, after=2)
    assert record == {"epoch": 3, "first_iteration": 5, BATCH_ACCURACY: [50.0, 33.3333]}
    with (tmp_path / batch_record.FILE).open("a") as file:
        file.write('{"epoch": 4, "tor')
    assert len(batch_record.read(tmp_path)) == 3
    batch_record.trim(tmp_path, 1)
    assert [each["epoch"] for each in batch_record.read(tmp_path)] == [1]


@pytest.mark.usefixtures("one_thread")
def test_a_trial_records_each_mini_batch_and_its_test_curve_and_is_trained_as_without(tmp_path):
    plain, asked = Trial(root=tmp_path / "a", spec=TINY), Trial(root=tmp_path / "b", spec=TINY)
    assert run_trial(plain, SETTINGS)
    assert not (plain.folder / batch_record.FILE).exists()
    assert TEST_CURVE not in plain.history()[0]
    # An earlier attempt had got further than the state that is left.
    asked.folder.mkdir(parents=True)
    batch_record.append(asked.folder, epoch=1, first=1, accuracy=[0.0])
    assert run_trial(asked, ASKED)
    assert asked.result()["sha256"] == plain.result()["sha256"]
    records, history = batch_record.read(asked.folder), asked.history()
    assert [record["first_iteration"] for record in records] == [1, 5, 9]
    for record, epoch in zip(records, history, strict=True):
        accuracy = record[BATCH_ACCURACY]
        assert len(accuracy) == 4
        assert 100 - sum(accuracy) / 4 == pytest.approx(epoch["train/error"], abs=1e-3)
    assert history[-1][TEST_CURVE] == asked.result()["test/error"]
    assert batch_record.FILE in json.loads(asked.result_file.read_text())["files"]
