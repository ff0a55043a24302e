"""Freshness of a report: it is kept only where nothing that it is made of has changed."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from analysis.report import stamp as stamps
from analysis.report.stamp import fresh_files, mark_fresh, remove_stamps

CONTENTS = {"runs.json": "[1]\n"}


class Report(NamedTuple):
    folder: Path
    trials: list[Path]


@pytest.fixture
def report(tmp_path):
    """A report's folder, whole and stamped, and the folders of its two trials, of which one never began."""
    folder, trials = tmp_path / "reports" / "toy-quick", [tmp_path / "trials" / name for name in "ab"]
    folder.mkdir(parents=True)
    trials[0].mkdir(parents=True)
    files = [folder / "runs.json", folder / "report.html"]
    for path in files:
        path.write_text("[1]\n")
    mark_fresh(folder, files, trials)
    return Report(folder, trials)


def test_a_report_of_the_same_is_kept_in_any_order_of_its_trials(report):
    folder, trials = report
    assert fresh_files(folder, CONTENTS, trials[::-1]) == [folder / "runs.json", folder / "report.html"]
    assert (folder / stamps.FILE).exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder, _: (folder / "runs.json").write_text("[2]\n"),
        lambda folder, _: (folder / "report.html").write_text("cut sho"),
        lambda folder, _: (folder / "report.html").unlink(),
        lambda folder, _: (folder / stamps.FILE).write_text("{}"),
        lambda folder, _: (folder / stamps.FILE).unlink(),
        lambda _, trials: (trials[0] / "result.json").write_text("{}"),  # changes its folder
        lambda _, trials: trials[1].mkdir(),
    ],
)
def test_any_change_makes_it_stale(report, change):
    folder, trials = report
    change(folder, trials)
    assert fresh_files(folder, CONTENTS, trials) == []
    assert not (folder / stamps.FILE).exists()


def test_other_code_another_store_and_another_place_make_it_stale(report, monkeypatch, tmp_path):
    folder, trials = report
    whole = (folder / stamps.FILE).read_text()
    moved = tmp_path / "reports" / "elsewhere"
    moved.mkdir()
    for path in folder.iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    assert fresh_files(moved, CONTENTS, trials) == []
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
        assert fresh_files(folder, CONTENTS, trials) == []
    (folder / stamps.FILE).write_text(whole)
    monkeypatch.setattr(stamps, "_code", lambda: "another")
    assert fresh_files(folder, CONTENTS, trials) == []


def test_the_stamps_of_one_study_are_removed(report):
    folder = report.folder
    out = folder.parent.parent
    remove_stamps(out, "other")
    assert (folder / stamps.FILE).exists()
    assert set(json.loads((folder / stamps.FILE).read_text())["files"]) == {"runs.json", "report.html"}
    remove_stamps(out, "toy")
    assert not (folder / stamps.FILE).exists()
