"""A study's report: page, Markdown, tables, verdicts and the command."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from analysis.report import write_report
from analysis.report.__main__ import main
from analysis.report.data import ReportData
from analysis.report.sections.published import verdicts
from analysis.report.sections.reproduce import command
from analysis.report.write import write_page, write_tables
from analysis.results.plan_record import ReportSection
from analysis.results.report_folder import ReportFolder
from resnet_lab.errors import UserError
from resnet_lab.trials import image_record

NORM, ACT = "model.block.norm_position", "model.block.act_position"


@pytest.fixture
def folder(tmp_path, build_study):
    return build_study(tmp_path)


@pytest.fixture(scope="module")
def written(tmp_path_factory, build_study):
    """Written once, to be looked at."""
    report = build_study(tmp_path_factory.mktemp("out"))
    write_report(report)
    return report


class Page(HTMLParser):
    """Collects tags and attributes, and what stands outside of style."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.words, self._inside = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._inside = tag
        self.addresses += [value for name, value in attributes if name in ("src", "href", "action", "data")]
        assert not [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data):
        if self._inside != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_the_page_holds_every_section_and_loads_nothing(written):
    source = (written / "report.html").read_text()
    page = Page(source)
    outside = [a for a in page.addresses if not a.startswith(("#", "data:image/svg+xml;base64,"))]
    beside = {"table.csv", "table.tex", "table.md", "table.json"}
    rest = [a for a in outside if a not in beside and not a.startswith("../../trials/")]
    assert rest == ["http://127.0.0.1:5000/#/experiments/1"]  # the one link into MLflow
    assert len(outside) == len(beside) + 24 + 1  # the files of the table, and every trial's folder
    assert "@import" not in source
    assert "url(" not in source
    for words in (
        "23 of 24 trials complete, 1 failed",
        "What this n could have found",
        "Analysis of variance",
        "2.00 Wh",
    ):
        assert words in page.text
    assert "python -m studies.odd --set 'data.name=<script>'" in page.text
    assert "python -m studies.odd --out 'my runs'" in page.text
    assert f"git checkout {'ab' * 20}" in page.text
    assert source.count("data:image/svg+xml") == 3  # curves, distributions, interactions; the study draws the fourth


def test_what_a_user_can_name_is_text_in_the_page(written):
    page = Page((written / "report.html").read_text())
    assert "script" not in page.tags
    assert page.text.count("<script>alert(1)</script> & _x_ | $y$ \\ % # {z} `q` -->") >= 6
    assert "javascript:alert(1)" in page.text
    assert "javascript:alert(1)" not in page.addresses


def test_what_a_user_can_name_is_text_in_markdown(written):
    text = (written / "report.md").read_text()
    outside = "\n".join(line for line in text.splitlines() if not line.startswith("    "))  # indented is code
    assert "<script>" not in outside
    assert "\n# &lt;script&gt;alert(1)&lt;/script&gt; &amp; \\_x\\_ \\| \\$y\\$" in "\n" + outside
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1  # no bar in a cell makes a column


def test_the_csv_holds_arms_and_comparisons(written):
    rows = list(csv.DictReader(io.StringIO((written / "table.csv").read_text())))
    assert [(row[NORM], row[ACT], row["n"]) for row in rows][:2] == [
        ("before_add", "after_add", "6"),
        ("before_add", "none", "5"),
    ]
    assert rows[0]["difference"] == ""
    assert float(rows[3]["difference"]) == pytest.approx(4.0, abs=0.2)
    assert rows[1]["reasons"].startswith("seed 5: diverged <script>")


def test_latex_is_escaped_and_every_line_has_as_many_cells(written):
    text = (written / "table.tex").read_text()
    assert r"before\_add" in text
    assert r"error \%" in text
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.count(" & ") for line in lines}) == 1
    assert len(lines) == 5
    assert text.count(r"\midrule") == 1  # one context


def test_the_verdicts_compare_ours_with_the_published_figures_of_each_arm(folder):
    data = ReportData.read(ReportFolder(folder))
    found = [(row.arm[NORM], row.arm[ACT], v.published.value, v.name) for row, v in verdicts(data)]
    assert ("before_add", "after_add", 8.75, "reproduced") in found  # He et al. 2015, their recipe
    torch_blog = [name for *_, value, name in found if value in (8.29, 8.62, 8.34, 8.23)]
    assert torch_blog == ["protocol differs"] * 4  # nesterov there
    assert all(v.noted for _, v in verdicts(data))


def test_the_held_out_images_are_noted_next_to_the_verdict(written):
    text = Page((written / "report.html").read_text()).text
    assert "reproduced (a)" in text
    assert "(a) noted, not counted recipe.momentum_kind torch, recipe.select last (unknown: stated nowhere)" in text
    assert "images 45000 (unknown: 1512.03385, section 4.2: the schedule was chosen on 45,000 and 5,000 images" in text
    assert "Not counted: parts of the protocols that are stated nowhere." in text


@pytest.mark.usefixtures("undrawn")
def test_a_margin_shows_equivalence_after_holm(folder, written):
    assert "Equivalen" not in Page((written / "report.html").read_text()).text
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps(plan | {"margin": 1.0}))
    text = Page((write_report(folder)[0]).read_text()).text
    assert "Equivalence with the baseline within 1 points either way." in text
    listed = text.partition("Equivalent to the baseline within 1 points, after Holm's correction: ")[2].partition(". ")[
        0
    ]
    assert listed == (
        "depth=20, norm_position=before_add, act_position=none; depth=20, norm_position=after_add,"
        " act_position=after_add"
    )
    rows = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))
    assert [float(row["p_tost_holm"] or "nan") < 0.05 for row in rows] == [False, True, True, False]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("design", "words"), [("ladder", "Each step of the ladder"), ("fractional", "Main effects: mean")]
)
def test_designs_report_their_steps_and_main_effects(folder, written, design, words):
    assert words not in Page((written / "report.html").read_text()).text
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps(plan | {"design": design}))
    text = Page((write_report(folder)[0]).read_text()).text
    assert words in text
    if design == "ladder":
        rest = text.partition(words)[2].partition("from: what")[0]
        assert (
            rest.count("act_position: after_add to none") == rest.count("norm_position: before_add to after_add") == 2
        )
        assert "norm_position=after_add act_position: after_add to none 6 +" in rest, rest


def test_distributions_are_drawn_from_five_seeds_on_and_a_pareto_front_where_it_is_asked_for(folder):
    runs = json.loads((folder / "runs.json").read_text())
    (folder / "runs.json").write_text(json.dumps([run for run in runs if run["seed"] < 4]))
    paths = write_report(folder, pareto=True)
    names = {path.name for path in paths}
    assert names >= {"report.html", "report.md", "table.tex", "table.csv", "curves.svg", "interactions.svg"}
    assert names >= {"pareto.png", "pareto.svg", "pareto.csv"}
    assert "and the Pareto front" in (folder / "report.md").read_text()
    assert "ecdf.svg" not in names
    assert all(path.stat().st_size for path in paths)
    ElementTree.parse(folder / "interactions.svg")


@pytest.mark.usefixtures("undrawn")
def test_a_pareto_front_of_one_arm_is_refused_in_a_sentence(folder):
    runs = json.loads((folder / "runs.json").read_text())
    one = [run for run in runs if (run[NORM], run[ACT]) == ("before_add", "after_add")]
    (folder / "runs.json").write_text(json.dumps(one))
    with pytest.raises(UserError, match=r"has fewer than two arms with a mean test error: complete its trials first"):
        write_report(folder, pareto=True)


@pytest.mark.usefixtures("undrawn")
def test_one_arm_alone_and_trials_gone_still_give_a_page(folder):
    plan = json.loads((folder / "plan.json").read_text())
    runs = json.loads((folder / "runs.json").read_text())
    one = [run for run in runs if (run[NORM], run[ACT]) == ("before_add", "after_add")]
    gone = [{**run, "trial": f"gone-{run['seed']}"} for run in one]
    (folder / "plan.json").write_text(json.dumps(plan | {"arm": {NORM: ["before_add"], ACT: ["after_add"]}}))
    (folder / "runs.json").write_text(json.dumps(gone))
    write_report(folder)
    text = Page((folder / "report.html").read_text()).text
    assert "nothing is tested" in text
    assert "No trial has recorded its environment" in text


def test_a_folder_that_no_study_left_is_one_error_message(folder, tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*plan\.json"):
        write_report(tmp_path)
    (folder / "plan.json").write_text("{}")
    with pytest.raises(UserError, match="lacks 'study': run the study again"):
        write_report(folder)


@pytest.mark.usefixtures("undrawn")
def test_the_command_finds_the_study_and_refuses_what_is_not_there(folder, tmp_path, capsys):
    main(["odd", "--out", str(tmp_path)])
    assert str(folder / "report.html") in capsys.readouterr().out.splitlines()
    with pytest.raises(SystemExit) as stop:
        main(["even", "--out", str(tmp_path)])
    printed = capsys.readouterr()
    assert (stop.value.code, printed.out) == (2, "")
    assert "there are odd-paper-cifar10" in printed.err


@pytest.mark.parametrize(
    ("argv", "typed"),
    [
        (["/a b/studies/bn_placement.py", "--seeds", "0", "1"], "python -m studies.bn_placement --seeds 0 1"),
        (["script.py", "a b"], "python script.py 'a b'"),
        (["x", "--out", "o"], "x --out o"),
    ],
)
def test_the_command_is_what_was_typed(argv, typed):
    assert command(argv) == typed


@pytest.mark.usefixtures("undrawn")
def test_tables_are_written_from_memory_and_read_back_the_same(folder, tmp_path):
    data = ReportData.read(ReportFolder(folder))
    section = ReportSection(name="tune", text="tuned", content={"best": 1})
    data = replace(data, plan=replace(data.plan, sections=(section,)), launch={})
    again = tmp_path / "reports" / "again"
    paths = write_tables(data, again)
    names = ["tune.json", "plan.json", "runs.json", "table.json", "table.md", "figure.png", "figure.svg", "figure.csv"]
    assert [path.name for path in paths] == names  # the networks of this study were not audited
    known = ReportData.read(ReportFolder(again))
    assert (known.plan, known.runs, known.rows) == (
        replace(data.plan, sections=(ReportSection(name="tune", text="tuned"),)),
        data.runs,
        data.rows,
    )
    assert "tuned" in (again / "table.md").read_text()
    assert not (again / "launch.json").exists()
    write_page(replace(data, launch={"argv": ["x"]}), again)
    assert ReportFolder(again).launch() == {"argv": ["x"]}


def test_trials_without_a_record_of_their_test_images_have_no_interval_over_them(written):
    text = Page((written / "report.html").read_text()).text
    assert "No interval over seeds and test images." in text
    assert "not every trial has a record of its test images (those of earlier versions have none)" in text
    rows = list(csv.DictReader(io.StringIO((written / "two_way.csv").read_text())))
    assert [row["error_low"] for row in rows] == [""] * 4
    assert all(row["withheld"] for row in rows)


@pytest.mark.usefixtures("undrawn")
def test_trials_with_a_record_have_an_interval_over_seeds_and_test_images(folder):
    runs = json.loads((folder / "runs.json").read_text())
    for run in runs:
        if "test/error" in run:
            run |= {"test/images": 1000, "test/wrong": round(10 * run["test/error"])}
            correct = np.arange(1000) >= run["test/wrong"]
            image_record.write(folder.parents[1] / "trials" / run["trial"], correct)
    (folder / "runs.json").write_text(json.dumps(runs))
    text = Page((write_report(folder)[0]).read_text()).text
    assert "The same means, with the test images as a sample as well." in text
    assert "act_position=none: not every seed gave a result" in text
    rows = list(csv.DictReader(io.StringIO((folder / "two_way.csv").read_text())))
    assert [bool(row["error_low"]) for row in rows] == [True, False, True, True]
    known = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))
    for row, own in zip(rows, known, strict=True):
        if row["error_low"]:
            assert float(row["error"]) == pytest.approx(float(own["mean"]))
            assert float(row["error_high"]) > float(own["high"])
