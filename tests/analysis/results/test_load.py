"""A study's trials as one table."""

import json
import subprocess
import sys

import pytest

import analysis
from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import flatten, replace, to_json
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.trials.trial import Trial
from tests.specs import write_result

AA, BB = RunSpec(seed=3), replace(RunSpec(), {"model.depth": 32, "seed": 3})
FIGURES = {"test/error": 7.5, "val/error": 8.0, "time/train_s": 12.0, "epochs": 4}


@pytest.fixture
def out(tmp_path):
    """One trial complete, one failed, one known to the report only; two reports share the first."""
    complete, failed = (Trial(root=tmp_path / "trials", spec=spec) for spec in (AA, BB))
    complete.folder.mkdir(parents=True)
    environment = {"code_sha256": "c0de", "data": {"name": "cifar10", "sha256": "da7a"}}
    complete.environment_file.write_text(json.dumps(environment))
    write_result(complete, FIGURES)
    failed.folder.mkdir()
    failed.config_file.write_text(to_json(BB))
    failed.failure_file.write_text('{"reason": "diverged", "detail": "loss is nan\\nmore"}')
    names = (complete.name, failed.name, "cc")
    runs = [{"model.depth": 20, "seed": 3, "trial": name, "status": "missing"} for name in names]
    for name, rows in (("odd-quick-digits", runs), ("odd-paper-cifar10", runs[:1]), ("oddity-quick-digits", runs)):
        (tmp_path / "reports" / name).mkdir(parents=True)
        (tmp_path / "reports" / name / "runs.json").write_text(json.dumps(rows))
    return tmp_path


def test_a_row_per_trial_with_every_field_by_its_dotted_name(out):
    frame = analysis.load_study("odd-quick-digits", out)
    assert frame["trial"].tolist() == [trial_name(AA), trial_name(BB), "cc"]
    assert frame["status"].tolist() == ["complete", "failed", "missing"]
    assert frame["reason"].tolist()[1] == "diverged"
    assert frame["detail"].tolist()[1] == "loss is nan"
    assert set(flatten(RunSpec())) <= set(frame.columns)
    first = frame.iloc[0]
    assert (first["code_sha256"], first["data_sha256"]) == ("c0de", "da7a")
    assert (first["test/error"], first["epochs"], first["time/train_s"], first["seed"]) == (7.5, 4, 12.0, 3)
    assert frame["model.depth"].tolist() == [20, 32, 20]  # the report knew that of a trial never begun


def test_a_study_by_name_by_folder_and_a_whole_output_folder(out):
    assert len(analysis.load_study("odd", out)) == 3  # both its reports, each trial once
    assert len(analysis.load_study(out / "reports" / "odd-paper-cifar10")) == 1
    assert len(analysis.load_study(out)) == 2


def test_a_field_younger_than_the_trial_has_its_default(out):
    trial = Trial(root=out / "trials", spec=AA)
    trial.config_file.write_text('{"model.depth": 20, "seed": 3}')
    write_result(trial, FIGURES, signed=False)
    assert analysis.load_study("odd", out)["recipe.lr"].iloc[0] == RunSpec().recipe.lr


def test_a_trial_that_was_altered_is_missing_and_says_what_is_wrong(out):
    trial = Trial(root=out / "trials", spec=AA)
    whole = trial.config_file.read_text()
    trial.config_file.write_text(whole.replace('"model.width": 16', '"model.width": 999'))
    row = analysis.load_study("odd", out).iloc[0]
    assert (row["status"], row["reason"]) == (
        "missing",
        "damaged: config.json is not as it was when the result was written",
    )
    assert "test/error" not in row or row["test/error"] != 7.5
    assert row.get("model.width") != 999
    trial.config_file.write_text(whole)
    trial.result_file.write_text("{")
    assert analysis.load_study("odd", out)["reason"].iloc[0] == "damaged: result.json is not JSON"


def test_what_is_not_there_is_one_error_message(out):
    with pytest.raises(UserError, match="there are odd-paper-cifar10, odd-quick-digits, oddity-quick-digits"):
        analysis.load_study("none", out)
    with pytest.raises(UserError, match="there is none yet"):
        analysis.load_study("none", out / "trials")


def test_importing_the_package_loads_no_pandas():
    code = "import sys, analysis; analysis.load_study; print('pandas' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    with pytest.raises(AttributeError):
        analysis.load_everything  # noqa: B018  # the attribute is the test
