"""Sections of results: what the page says of arms that share no seed with their baseline."""

import json

from analysis.comparison.arms import as_dict
from analysis.report.data import ReportData
from analysis.report.document import Table
from analysis.report.sections.results import comparisons
from analysis.report.sections.summary import summary
from analysis.results.report_folder import ReportFolder
from analysis.tables.bootstrap_words import WIDTH
from analysis.tables.cells import p_text
from analysis.tables.footnotes import explain
from studies.results.write import with_bootstrap
from tests.analysis.conftest import ACT, NORM


def test_unpaired_arms_have_a_table_of_their_own_and_count_among_the_differences(build_study, tmp_path):
    folder = build_study(tmp_path)
    runs = json.loads((folder / "runs.json").read_text())
    for run in runs:
        run["seed"] += 10 * ((run[NORM], run[ACT]) == ("after_add", "none"))
    (folder / "runs.json").write_text(json.dumps(runs))
    data = ReportData.read(ReportFolder(folder))
    paired, unpaired = (block for block in comparisons(data) if isinstance(block, Table))
    assert (len(paired.rows), len(unpaired.rows)) == (2, 1)
    (row,) = unpaired.rows
    assert row[2:4] == ["6", "6"]
    assert row[4].startswith("+4")
    text = " ".join(block.text for block in summary(data) if hasattr(block, "text"))
    assert "Of 3 comparisons with the baseline, 1 differs at 5 % after Holm's correction" in text


def test_a_study_that_asks_for_benjamini_hochberg_shows_its_p_and_says_so(build_study, tmp_path):
    folder = build_study(tmp_path)
    plan = json.loads((folder / "plan.json").read_text()) | {"correction": "bh"}
    (folder / "plan.json").write_text(json.dumps(plan))
    data = ReportData.read(ReportFolder(folder))
    assert data.plan.as_dict()["correction"] == "bh"
    (table,) = (block for block in comparisons(data) if isinstance(block, Table))
    shown = [row[table.headers.index("p BH")] for row in table.rows]
    assert "p Holm" not in table.headers
    assert shown == [p_text(row.p_bh) for row in data.rows if row.pairs]
    assert all(row.p_bh <= row.p_holm for row in data.rows if row.pairs)
    text = " ".join(block.text for block in summary(data) if hasattr(block, "text"))
    assert "after Benjamini-Hochberg's correction" in text
    notes = explain(data.rows, data.baseline)
    assert "Benjamini-Hochberg-corrected over 3 comparisons (at most one in twenty of those under 0.05" in notes
    assert as_dict(data.rows[1])["p_bh"] == data.rows[1].p_bh


def test_bootstrap_intervals_are_a_section_of_text_and_json(build_study, tmp_path):
    data = with_bootstrap(ReportData.read(ReportFolder(build_study(tmp_path))))
    section = data.plan.sections[0]
    assert section.name == "bootstrap_intervals"
    assert max(map(len, section.text.splitlines())) <= WIDTH
    assert len(section.content) == 4
    whole = section.content[1]
    assert whole["low"] < data.rows[1].mean < whole["high"]
    assert whole["difference_low"] < data.rows[1].difference < whole["difference_high"]
    words = " ".join(section.text.split())
    assert f"| [{whole['difference_low']:.2f}, {whole['difference_high']:.2f}]" in words
