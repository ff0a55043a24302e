"""`python -m studies`: every study with arms, cost and last run, or one of them by its name."""

import json
import os
import sys

import pytest

from studies.cli.listing import documented_costs, main, study_row
from studies.plan.study import questions


@pytest.mark.parametrize("name", questions())
def test_every_study_documents_its_cost_at_both_scales_and_the_runs_it_has(name, tmp_path):
    row = study_row(name, tmp_path)
    assert row["last_run"] is None
    for scale in ("quick", "paper"):
        cost = documented_costs(name)[scale]
        assert row["scales"][scale]["cost"] == cost
        count, of, _ = cost.partition(" runs of ")
        assert not of or int(count.replace(",", "")) == row["scales"][scale]["runs"]


def test_the_newest_report_is_the_last_run(tmp_path):
    for age, title in enumerate(("bn_placement-quick-digits", "bn_placement-paper-cifar10")):
        folder = tmp_path / "reports" / title
        folder.mkdir(parents=True)
        (folder / "runs.json").write_text("[]")
        os.utime(folder / "runs.json", (1_000_000_000 - age, 1_000_000_000 - age))
    last = study_row("bn_placement", tmp_path)["last_run"]
    assert last["report"] == "bn_placement-quick-digits"
    assert last["ended"].startswith("2001-09-")
    assert study_row("effective_paths", tmp_path)["last_run"] is None


def test_the_list_is_text_or_json(tmp_path, capsys):
    main(["--json", "--out", str(tmp_path)])
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == questions()
    main(["--out", str(tmp_path)])
    text = capsys.readouterr().out
    assert all(f"{row['name']}: {row['question']}" in text for row in rows)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules after import of package:RuntimeWarning")
def test_a_study_runs_by_its_name(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["studies"])
    with pytest.raises(SystemExit) as stop:
        main(["bn_placement", "--margin", "101", "--out", str(tmp_path)])
    assert stop.value.code == 2
    assert "--margin 101" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["bn_placment"])
    assert stop.value.code == 2
    assert "the studies are bn_placement, " in capsys.readouterr().err
