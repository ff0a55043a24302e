"""The index of reports: every report with its question, size and largest effect; one that is damaged says so."""

import json

import pytest

from analysis.report.__main__ import main
from analysis.report.index import entries, write_index
from tests.analysis.conftest import EVIL


@pytest.fixture
def two_reports(build_study, tmp_path):
    """The made-up study, and one whose runs cannot be read."""
    build_study(tmp_path)
    damaged = tmp_path / "reports" / "torn-quick-digits"
    damaged.mkdir()
    (damaged / "runs.json").write_text("{")
    return tmp_path


def test_an_entry_has_question_size_and_largest_effect_and_a_damaged_one_its_reason(two_reports):
    found = {entry.name: entry for entry in entries(two_reports)}
    odd, torn = found["odd-paper-cifar10"], found["torn-quick-digits"]
    assert odd.question == EVIL
    assert odd.size == "23 of 24 trials, 6 seeds, paper, cifar10"
    assert odd.verdict.startswith("depth=20: norm_position=after_add, act_position=none is worse, by +")
    assert odd.arms["depth=20, norm_position=before_add, act_position=after_add"].startswith("8.")
    assert torn.verdict.startswith("cannot be read: ")
    assert not torn.arms


def test_the_page_compares_arms_without_a_script_and_escapes_what_a_user_names(two_reports):
    page = write_index(two_reports).read_text()
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert page.count('type="checkbox"') == 2
    assert page.count('<tr class="arm in') == 4


def test_list_prints_the_reports_and_asks_for_one_where_there_is_none(two_reports, tmp_path, capsys):
    main(["--list", "--out", str(two_reports)])
    assert "23 of 24 trials" in capsys.readouterr().out
    for argv in (["--list", "--out", str(tmp_path / "none")], [], ["odd", "--list"]):
        with pytest.raises(SystemExit) as stop:
            main(argv)
        assert stop.value.code == 2


def test_a_partial_report_shows_what_is_complete_by_now(build_study, tmp_path, capsys):
    folder = build_study(tmp_path)
    plan, runs = (json.loads((folder / f"{name}.json").read_text()) for name in ("plan", "runs"))
    (folder / "begun.json").write_text(json.dumps({"plan": plan, "runs": runs, "audit": None}))
    for name in ("plan", "runs"):
        (folder / f"{name}.json").unlink()
    with pytest.raises(SystemExit):
        main(["odd", "--out", str(tmp_path)])
    assert "--partial reports the trials that are complete" in capsys.readouterr().err
    with pytest.raises(SystemExit):  # no trial of the fixture has a result on disk
        main(["odd", "--partial", "--out", str(tmp_path)])
    assert "nothing to report" in capsys.readouterr().err
