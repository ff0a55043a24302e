"""Sections of results: what the page says of arms that share no seed with their baseline."""

import json

from analysis.report.data import ReportData
from analysis.report.document import Table
from analysis.report.sections.results import comparisons
from analysis.report.sections.summary import summary
from analysis.results.report_folder import ReportFolder
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
