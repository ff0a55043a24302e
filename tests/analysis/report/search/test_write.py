"""The report of an open search: text, figures, and that whatever a user can name is text."""

import csv
import io
import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.figures.search.axes import Axis
from analysis.figures.search.optimization_history import plot_progress, progress_data
from analysis.figures.search.parallel_coordinates import parallel_data, plot_parallel
from analysis.report import write_report
from analysis.report.__main__ import main
from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace, to_json
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.trials.trial import Trial
from tests.specs import write_result

NORM, LR = "model.block.norm_position", "recipe.lr"
EVIL = "<script>alert(1)</script> & _x_ | $y$ \\ % # {z} `q` -->"
SPACE = [
    {"field": NORM, "values": ["before_add", "after_add"]},
    {"field": LR, "low": 0.001, "high": 1.0, "log": True},
]


def row(root, number, norm, lr, error, state="complete", epochs=4):
    """A trial as search.json has it, and its folder."""
    spec = replace(RunSpec(), {NORM: norm, LR: lr, "seed": 10_000})
    folder = root / trial_name(spec)
    if state != "refused":
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(to_json(spec))
        (folder / "env.json").write_text(json.dumps({"processor": EVIL, "argv": ["studies/odd.py", "--search", "tpe"]}))
        records = [
            {"epoch": e, "iteration": 10 * e, "val/error": 50.0, "time/epoch_s": 2.0} for e in range(1, epochs + 1)
        ]
        (folder / "history.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    if state == "complete":
        write_result(Trial(root=root, spec=spec), {"test/error": 77.77, "val/error": error, "epochs": epochs})
    sizes = {"parameters": 1000, "flops": 10**6} if state != "refused" else {}
    ends = {"state": state, "val/error": error, "epochs": epochs or None}
    return {"number": number, NORM: norm, LR: lr, **ends, "trial": None if state == "refused" else folder.name, **sizes}


@pytest.fixture
def folder(tmp_path):
    """Six proposals: three complete, of which one twice, one pruned, one diverged at once, one refused."""
    root = tmp_path / "trials"
    trials = [
        row(root, 0, "before_add", 0.1, 9.0),
        row(root, 1, "after_add", 0.01, 5.0),
        row(root, 2, "after_add", 0.5, 45.0, "pruned", epochs=2),
        row(root, 3, "before_add", 1.0, None, f"diverged {EVIL}", epochs=0),
        row(root, 4, "after_add", 0.001, None, "refused", epochs=0),
        row(root, 5, "after_add", 0.01, 5.0),
        row(root, 6, "before_add", 0.02, 7.0),
    ]
    report = tmp_path / "reports" / "odd-quick-cifar10-search"
    report.mkdir(parents=True)
    content = {"study": EVIL, "question": EVIL, "scale": "quick", "dataset": "cifar10", "algorithm": "tpe"}
    content |= {"pruner": "median", "budget": 6, "epochs": 4, "seed": 10_000, "space": SPACE, "trials": trials}
    content |= {"start": {NORM: "before_add", LR: 0.1}, "fixed": {"data.name": "cifar10"}}
    content |= {"importance": {LR: 0.75, NORM: 0.25}, "confirm": "python -m studies.odd --set 'a=<script>'"}
    (report / "search.json").write_text(json.dumps(content))
    launch = {"argv": ["/x/studies/odd.py", "--search", "tpe"], "seconds": {"training": 9.0}, "energy_j": 7200.0}
    (report / "launch.json").write_text(json.dumps(launch))
    return report


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_what_was_found_and_that_it_is_no_comparison(folder):
    write_report(folder)
    text = (folder / "report.md").read_text().replace("\\", "")
    for words in (
        "7 trials: 4 complete, 1 pruned, 1 diverged",
        "1 refused",
        "Least validation error: 5.00 %, trial 1 (norm_position=after_add, lr=0.01); the recipe as it is, trial 0",
        "This is a search and no comparison of arms",
        "recipe.lr: 0.001 to 1 (logarithmic)",
        "The best 3 of 3 complete runs",  # the run that was proposed twice is one
        "| recipe.lr | 0.75 |",
        "stopped early",
        "the combination is invalid",
        "| 2 | after_add | 0.5 | pruned |",
        "14 of 20: 6 were not run",
        "28 s",
        "2.00 Wh",
        "python -m studies.odd --search tpe",
        "The winner with fresh seeds",
    ):
        assert words in text, words
    assert "77.77" not in text  # nothing may be picked by the test set


def test_the_page_is_one_file_and_whatever_a_user_can_name_is_text(folder):
    write_report(folder)
    page = (folder / "report.html").read_text()
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5
    assert page.count("data:image/svg+xml;base64,") == 2
    assert "http" not in page.replace("http-equiv", "")
    for name in ("parallel", "progress"):
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(folder / f"{name}.svg").iter()}
        assert "script" not in tags


@pytest.mark.usefixtures("undrawn")
def test_tables_for_a_paper_and_for_programs(folder):
    write_report(folder)
    rows = list(csv.DictReader(io.StringIO((folder / "trials.csv").read_text())))
    assert [r["state"] for r in rows][:3] == ["complete", "complete", "pruned"]
    assert rows[3]["val/error"] == ""
    lines = [line for line in (folder / "table.tex").read_text().splitlines() if line.endswith(r"\\")]
    assert len(lines) == 4
    assert r"after\_add & 0.01 & 5.00 & 1,000" in lines[1]


@pytest.mark.usefixtures("undrawn")
def test_the_command_writes_it_again_and_a_notebook_reads_it_by_its_own_name_only(folder, tmp_path, capsys):
    main(["odd", "--out", str(tmp_path)])
    assert str(folder / "report.html") in capsys.readouterr().out.splitlines()
    frame = analysis.load_study("odd", tmp_path)  # there is nothing else
    assert len(frame) == 5
    assert sorted(set(frame["status"])) == ["complete", "missing"]
    study = tmp_path / "reports" / "odd-quick-cifar10"
    study.mkdir()
    (study / "runs.json").write_text(json.dumps([{"trial": "x", "seed": 0, "status": "missing"}]))
    assert analysis.load_study("odd", tmp_path)["trial"].tolist() == ["x"]
    assert len(analysis.load_study("odd-quick-cifar10-search", tmp_path)) == 5


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("left", ["none complete", "nothing"])
def test_a_search_that_found_nothing_has_a_page_too(folder, left):
    content = json.loads((folder / "search.json").read_text())
    kept = [r for r in content["trials"] if r["state"] != "complete"] if left == "none complete" else []
    (folder / "search.json").write_text(json.dumps(content | {"trials": kept, "importance": {}, "confirm": ""}))
    write_report(folder)
    text = (folder / "report.md").read_text()
    assert "nothing was found" in text
    assert "nothing can be said of what mattered" in text
    assert not (folder / "parallel.svg").exists()


def test_a_search_of_an_older_version_is_one_error_message(folder):
    (folder / "search.json").write_text('{"algorithm": "tpe", "trials": []}')
    with pytest.raises(UserError, match="lacks 'study': run the search again"):
        write_report(folder)


def test_axes_place_levels_and_numbers():
    levels = Axis.of({"field": NORM, "values": ["a", "b", "c"]})
    assert [levels.at(v) for v in "abc"] == [0.0, 0.5, 1.0]
    assert Axis.of({"field": NORM, "values": [True]}).at(True) == 0.5
    log = Axis.of(SPACE[1])
    assert log.at(0.001) == 0
    assert log.at(0.1) == pytest.approx(2 / 3)
    assert [text for _, text in log.ticks()] == ["0.001", "1", "0.01", "0.1"]
    assert [place for place, _ in log.ticks()] == pytest.approx([0, 1, 1 / 3, 2 / 3])
    line = Axis.of({"field": LR, "low": 0, "high": 10, "log": False})
    assert line.at(2.5) == 0.25
    assert {"0", "10", "5"} <= {text for _, text in line.ticks()}
    assert Axis(field=LR, low=3.0, high=3.0).ticks() == [(0.5, "3")]


def test_figures_hold_every_trial_and_are_the_same_each_time(folder, tmp_path):
    trials = json.loads((folder / "search.json").read_text())["trials"]
    space = tuple(map(Axis.of, SPACE))
    frame = parallel_data(trials, space)
    assert frame["val/error"].tolist()[:2] == [9.0, 5.0]
    assert np.isnan(frame["val/error"][2])  # a pruned trial has no final error
    history = progress_data(trials)
    assert history["number"].tolist() == [0, 1, 2, 3, 5, 6]
    assert history["best_so_far"].tolist() == [9.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    for draw in (lambda out: plot_parallel(trials, space, out=out), lambda out: plot_progress(trials, out=out)):
        first, second = draw(tmp_path / "a"), draw(tmp_path / "b")
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
        assert len(pd.read_csv(first[2])) in (6, 7)
