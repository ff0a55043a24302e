"""Metrics: the table covers what trials record, its labels are unique, and its texts read as they should."""

import dataclasses

import pytest

from resnet_lab.metrics import FIELDS, METRICS, TEST_CURVE, TEST_ERROR, VAL_ERROR, Better, EpochRecord, metric
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from tests.specs import TINY

NO_METRICS = {"epoch", "iteration", "epochs", "iterations", "test/wrong", "test/images", "sha256"}
"""Counts and identities that a trial records and no axis, table or order shows as a metric."""


@pytest.mark.usefixtures("one_thread")
def test_every_figure_a_trial_records_is_in_the_table_or_no_metric(tmp_path):
    trial = Trial(root=tmp_path, spec=TINY)
    assert run_trial(trial, WorkerSettings(data_dir=None, device="cpu", environment={}))
    recorded = {name for record in (*trial.history(), trial.result()) for name in record}
    assert recorded - METRICS.keys() == NO_METRICS
    assert {TEST_ERROR, VAL_ERROR} < recorded


def test_every_field_of_an_epoch_is_a_metric_or_counts_it():
    fields = {field.name for field in dataclasses.fields(EpochRecord)}
    assert fields - FIELDS.keys() == {"epoch", "iteration"}
    assert FIELDS.keys() < fields
    assert set(FIELDS.values()) <= METRICS.keys()
    assert len(set(FIELDS.values())) == len(FIELDS)


def test_labels_and_names_are_unique():
    labels = [each.label for name, each in METRICS.items() if name != TEST_CURVE]
    assert len(set(labels)) == len(labels)
    assert METRICS[TEST_CURVE].axis == METRICS[TEST_ERROR].axis  # one quantity, by epoch and at the end
    assert all(each.name == name for name, each in METRICS.items())


@pytest.mark.parametrize("name", [name for name in METRICS if name.rpartition("/")[2] in ("error", "loss")])
def test_of_errors_and_losses_the_lower_is_better(name):
    assert METRICS[name].better == Better.LOWER


def test_texts_have_label_and_unit():
    error = metric(TEST_ERROR)
    assert (error.axis, error.header, error.text(4.8123)) == ("test error (%)", "test error %", "test error 4.81 %")
    flops = metric("model/flops")
    assert (flops.axis, flops.header) == ("FLOPs per image", "FLOPs per image")


def test_a_metric_that_is_not_in_the_table_is_labelled_by_its_name():
    other = metric("my/score")
    assert (other.label, other.unit, other.better) == ("my/score", "", Better.NEITHER)
