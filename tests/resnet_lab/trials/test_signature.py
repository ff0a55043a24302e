"""Results of trials: believed where they are as they were written, and where they agree with the files around them."""

import json
import os
import shutil
import time

import pytest

from resnet_lab.errors import UserError
from resnet_lab.spec.fields import replace
from resnet_lab.trials.signature import SIGNED, check, read_history
from resnet_lab.trials.trial import Trial
from tests.specs import TINY, write_result

FIGURES = {"test/error": 12.5, "test/wrong": 45, "test/images": 360, "test/loss": 0.4, "val/error": 11.0, "epochs": 2}


@pytest.fixture(params=[True, False], ids=["signed", "of an earlier version"])
def complete(request, tmp_path):
    """A complete trial and whether its result is signed."""
    trial = Trial(root=tmp_path, spec=TINY)
    trial.folder.mkdir()
    trial.environment_file.write_text("{}")
    records = [{"epoch": 1, "val/error": 20.0}, {"epoch": 2, "val/error": 11.0}]
    trial.history_file.write_text("".join(json.dumps(record) + "\n" for record in records))
    write_result(trial, FIGURES, signed=request.param)
    return trial, request.param


def test_what_nobody_touched_is_the_result(complete):
    trial, signed = complete
    checked = check(trial.folder)
    assert checked.result | {"sha256": ""} == FIGURES | {"sha256": ""}
    assert (checked.file, checked.fault, checked.is_signed) == ("", "", signed)
    assert (set(json.loads(trial.result_file.read_text())) == {*FIGURES, "sha256"}) is not signed


def test_a_copy_is_as_good_as_the_original(complete, tmp_path):
    trial, signed = complete
    shutil.copytree(trial.folder, tmp_path / "elsewhere" / trial.name)
    assert check(tmp_path / "elsewhere" / trial.name).is_signed is signed
    assert check(tmp_path / "elsewhere" / trial.name).result is not None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("result.json", b""),
        ("result.json", b"{}"),
        ("result.json", b"[]"),
        ("result.json", b"[" * 100_000),
        ("result.json", b"\xff"),
        ("model.safetensors", b"we1ghts"),
        ("model.safetensors", None),
        ("model.safetensors.sha256", b"00"),
        ("config.json", b'{"model.width": 999}'),
        ("config.json", b""),
        ("history.jsonl", b'{"epoch": 1, "val/error": 11.0}\n'),
    ],
)
def test_what_is_damaged_or_gone_is_named_and_is_no_result(complete, name, content):
    trial, _ = complete
    path = trial.folder / name
    path.unlink() if content is None else path.write_bytes(content)
    checked = check(trial.folder)
    assert (checked.result, checked.file) == (None, name)
    assert checked.fault


def test_a_figure_that_was_edited_is_not_believed(complete):
    trial, signed = complete
    for name, value in {"test/error": 0.0, "test/wrong": 0, "test/images": 0, "val/error": None, "sha256": 3}.items():
        content = json.loads(trial.result_file.read_text())
        trial.result_file.write_text(json.dumps(content | {name: value}))
        assert check(trial.folder).result is None, name
        trial.result_file.write_text(json.dumps(content))
    content["test/loss"] = 0.1
    trial.result_file.write_text(json.dumps(content))
    assert (check(trial.folder).result is None) is signed, "an earlier version's says nothing that the loss must fit"


def test_a_signed_result_whose_signature_is_taken_away_is_none(complete):
    trial, signed = complete
    content = json.loads(trial.result_file.read_text())
    content.pop("digest", None)
    trial.result_file.write_text(json.dumps(content))
    assert (check(trial.folder).result is None) is signed


def test_another_trials_result_does_not_vouch_for_the_files_that_are_older_than_it(complete, tmp_path):
    trial, signed = complete
    other = Trial(root=tmp_path / "other", spec=replace(TINY, {"seed": 1}))
    write_result(other, FIGURES | {"test/error": 25.0, "test/wrong": 90}, signed=signed, weights=b"others")
    time.sleep(0.02)
    shutil.copy(other.result_file, trial.result_file)
    assert check(trial.folder).result is None


def test_a_result_that_is_put_back_does_not_vouch_for_what_was_altered_before(complete):
    trial, signed = complete
    kept = trial.result_file.read_bytes()
    trial.environment_file.write_text("")
    time.sleep(0.02)
    trial.result_file.write_bytes(kept)
    assert (check(trial.folder).file == "env.json") is signed


def test_without_a_result_there_is_no_fault_and_a_folder_is_one(tmp_path):
    assert check(tmp_path) == check(tmp_path / "nowhere")
    assert (check(tmp_path).result, check(tmp_path).fault) == (None, "")
    (tmp_path / "result.json").mkdir()
    assert check(tmp_path).fault == "is a folder"
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="move away"):
        check(tmp_path / "file")


def test_files_that_nobody_touched_are_not_hashed_again(complete, monkeypatch):
    trial, _ = complete
    time.sleep(0.02)  # the file system's clock ticks every few milliseconds
    trial.result_file.write_bytes(trial.result_file.read_bytes())
    monkeypatch.setattr("resnet_lab.trials.signature._sha256", lambda path: pytest.fail(f"hashed {path}"))
    assert check(trial.folder).result is not None
    os.utime(trial.model_file)
    with pytest.raises(pytest.fail.Exception, match="hashed"):
        check(trial.folder)


def test_everything_a_result_rests_on_is_signed():
    assert {"config.json", "env.json", "history.jsonl", "model.safetensors", "test_correct.bin"} <= set(SIGNED)


@pytest.mark.parametrize("line", [b'{"epoch": 3}', b'{"epo', b"\xff\xfe", b"3", b"[" * 100_000, b"\x00\x00"])
def test_a_history_ends_before_the_line_that_is_not_the_next_epoch(line):
    assert read_history(b'{"epoch": 1}\n' + line + b'\n{"epoch": 2}\n') == [{"epoch": 1}]
