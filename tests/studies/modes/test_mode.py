"""Each mode, for real: workers that train ResNet-8 for an epoch."""

import json

import pytest

from resnet_lab.tracking import read_runs
from studies.bn_placement import STUDY
from studies.cli import main

SMALL = ["--set", "model.depth=8", "model.block.act_position=none", "--epochs", "1", "--seeds", "0", "1"]


@pytest.fixture
def study(store_folder, capsys):
    """Run the study's command and return what it printed as JSON, and its output folder."""

    def run(*options):
        with pytest.raises(SystemExit) as ended:
            main(STUDY, [*SMALL, *options, "--json", "--out", str(store_folder)])
        printed = capsys.readouterr()
        assert ended.value.code == 0, printed.err
        return json.loads(printed.out), store_folder

    return run


def test_until_decided(study):
    printed, out = study("--until-decided", "--max-seeds", "3", "--margin", "50")
    (one,) = printed["sequential"]["comparisons"]
    assert one["seeds"] in (2, 3)
    assert [row["n"] for row in printed["table"]] == [one["seeds"]] * 2
    assert len(read_runs(out, "bn_placement")) == 2 * one["seeds"]


@pytest.mark.slow
def test_tune(study):
    printed, out = study("--tune", "--tune-trials", "2")
    assert [len(arm["trials"]) for arm in printed["tuning"]["arms"]] == [2, 2]
    assert [row["n"] for row in printed["tuning"]["table"]] == [2, 2]
    assert list((out / "reports").glob("bn_placement-quick-digits-*-tuned/table.md"))


@pytest.mark.slow
def test_search(study):
    printed, out = study("--search", "random", "--trials", "3", "--pruner", "none")
    assert [trial["state"] for trial in printed["trials"]] == ["complete"] * 3
    assert list((out / "reports").glob("bn_placement-quick-digits-*-search/report.html"))
