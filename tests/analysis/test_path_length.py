"""The command `analysis.path_length`: output, files, logging and refusals."""

import dataclasses
import json
import shutil
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import torch

from ablations.spec import BlockSpec
from analysis.inputs.targets import resolve
from analysis.path_length import Options, examine, main
from analysis.paths.rows import Conventions, PathReport, rows, summary
from analysis.paths.sampling import PathNorm
from analysis.paths.spectrum import Spectrum
from analysis.paths.text import notes, table
from resnet_lab.checkpoint import save_model
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import DataSpec, ModelSpec, RunSpec
from resnet_lab.spec.fields import flatten
from resnet_lab.tracking import Tracker
from resnet_lab.trials.trial import Trial

FEW = ("--images", "8", "--draws", "4", "--device", "cpu")


def keep(folder: Path, block: BlockSpec = BlockSpec(), *, spoilt: bool = False) -> RunSpec:  # noqa: B008  # frozen
    """Write the checkpoint of an untrained net for the digits."""
    spec = RunSpec(model=ModelSpec(depth=14, width=4, block=block), data=DataSpec(name="digits"))
    model = build_network(spec.model, channels=1, classes=10)
    initialise(model, 0)
    if spoilt:
        torch.nn.init.constant_(model.fc.weight, float("nan"))
    folder.mkdir(parents=True)
    save_model(folder, spec, model)
    return spec


def refusal(capsys, *argv: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_rows_figure_and_summary(tmp_path, capsys):
    keep(tmp_path / "net")
    argv = ["--checkpoint", str(tmp_path / "net"), "--out", str(tmp_path / "out"), *FEW]
    main([*argv, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [row["length"] for row in found] == list(range(7))
    assert [row["count"] for row in found] == [1, 6, 15, 20, 15, 6, 1]
    for row in found:
        assert row["residual"] < 1e-10
        # The triangle inequality, which one path meets exactly and a sample up to its error.
        assert 0 < row["norm_ratio"] <= row["high"] * (1 + 1e-9)
        assert row["complete"] == (row["draws"] == row["count"])
    assert found[0]["ratio"] == pytest.approx(1)
    folder = tmp_path / "out" / "paths" / "net"
    assert sorted(path.name for path in folder.iterdir()) == [
        "spectrum.csv",
        "spectrum.png",
        "spectrum.svg",
        "summary.json",
    ]
    assert list(pd.read_csv(folder / "spectrum.csv")["count"]) == [row["count"] for row in found]
    assert json.loads((folder / "summary.json").read_text())["blocks"] == 6
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    main(argv)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    printed = capsys.readouterr().out
    assert "Sum identity" in printed
    assert all(len(line) <= 80 for line in printed.splitlines())


@pytest.mark.usefixtures("undrawn")
def test_place_and_statistics_change_the_numbers(tmp_path):
    keep(tmp_path / "net")
    seen = set()
    for choices in ({}, {"at": "stem"}, {"bn": "train"}, {"images": 9}):
        options = Options(checkpoint=tmp_path / "net", device="cpu", **({"images": 8, "draws": 2} | choices))
        (target,) = resolve(options)
        report = examine(target, options, lambda _label, _total: lambda: None)
        assert report.spectrum.residual < 1e-10
        seen.add(report.spectrum.norms[3])
    assert len(seen) == 4


@pytest.mark.usefixtures("undrawn")
def test_single_precision_gives_the_same_norms_to_its_digits(tmp_path):
    keep(tmp_path / "net")
    reports = {}
    for precision in ("fp64", "fp32"):
        options = Options(checkpoint=tmp_path / "net", device="cpu", images=8, draws=2, precision=precision)
        (target,) = resolve(options)
        reports[precision] = examine(target, options, lambda _label, _total: lambda: None)
    double, single = reports["fp64"], reports["fp32"]
    assert double.spectrum.residual < 1e-13 < single.spectrum.residual < 1e-5
    assert single.spectrum.norms == pytest.approx(double.spectrum.norms, rel=1e-4)
    assert {row["precision"] for row in rows(single)} == {"fp32"}
    assert "fp32; norms with" in "\n".join(notes(single))


@pytest.mark.usefixtures("undrawn")
def test_a_bare_checkpoint_is_logged_under_a_fresh_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    keep(tmp_path / "net")
    out = tmp_path / "out"
    main(["--checkpoint", str(tmp_path / "net"), "--out", str(out), *FEW, "--json"])
    tracker = Tracker.open(out, "paths")
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert f"MLflow: run {run.info.run_id}, experiment paths" in capsys.readouterr().err
    assert (run.info.run_name, run.info.status, run.data.params["images"]) == ("net", "FINISHED", "8")
    logged = {Path(file.path).name for file in tracker.client.list_artifacts(run.info.run_id)}
    assert logged == {"spectrum.csv", "spectrum.png", "spectrum.svg", "summary.json"}


@pytest.mark.usefixtures("undrawn")
def test_a_run_and_a_study_are_found_and_logged_to(store_folder, capsys):
    spec = keep(store_folder / "net")
    trial = Trial(root=store_folder / "trials", spec=spec)
    shutil.copytree(store_folder / "net", trial.folder)
    (store_folder / "config.json").write_text("{}")
    tracker = Tracker.open(store_folder, "placement")
    run = tracker.start_launch("launch", {}, {}).start_trial(trial.name, flatten(spec), {})
    run.finish({"test/error": 90.0}, trial.folder / "model.safetensors", store_folder / "config.json")
    for options in (("--run", run.run_id), ("--study", "placement")):
        main([*options, "--out", str(store_folder), *FEW, "--json"])
        assert {row["network"] for row in json.loads(capsys.readouterr().out)} == {trial.name}
    logged = {Path(file.path).name for file in tracker.client.list_artifacts(run.run_id, "paths")}
    assert logged == {"spectrum.csv", "spectrum.png", "spectrum.svg", "summary.json"}
    assert tracker.client.get_run(run.run_id).info.status == "FINISHED"
    assert "'no_such'" in refusal(capsys, "--study", "no_such", "--out", str(store_folder), *FEW)


def test_refusals_are_one_line(tmp_path, capsys):
    assert "give one of --checkpoint" in refusal(capsys)
    assert "--draws 0" in refusal(capsys, "--draws", "0")
    keep(tmp_path / "plain", BlockSpec(shortcut="none"))
    keep(tmp_path / "net")
    keep(tmp_path / "spoilt", spoilt=True)
    out = ("--out", str(tmp_path / "out"), "--device", "cpu")
    assert "no residual blocks" in refusal(capsys, "--checkpoint", str(tmp_path / "plain"), *out)
    assert "360 test images" in refusal(capsys, "--checkpoint", str(tmp_path / "net"), "--images", "361", *out)
    assert "not finite" in refusal(capsys, "--checkpoint", str(tmp_path / "spoilt"), *out)
    assert "cannot read" in refusal(capsys, "--checkpoint", str(tmp_path / "nothing.safetensors"), *out)
    assert not (tmp_path / "out" / "paths").exists()


def report_of(blocks: int) -> PathReport:
    """Return a made-up report: norms fall by 1.5 a block, single paths by 2^n."""
    norms = tuple(1.5**-length for length in range(blocks + 1))
    sampled = [PathNorm(length=k, mean=2.0**-blocks, deviation=0.0, draws=5) for k in range(blocks + 1)]
    spectrum = Spectrum(norms=norms, gradient=2.0, residual=1e-16)
    conventions = Conventions(at="stem", bn="train", images=64, dataset="cifar10", seed=0)
    return PathReport(name="net", spectrum=spectrum, sampled=sampled, conventions=conventions)


def test_a_thousand_layers_fit_the_table_and_overflow_nothing():
    from rich.console import Console

    report = report_of(333)
    found = rows(report)
    assert found[166]["count"] > 10**98
    # C(333, 166) / 2^333 of the norm of one path, over ||G|| = 2.
    assert found[166]["monte_carlo"] == pytest.approx(found[166]["share"] / 2)
    assert found[0]["ratio"] == pytest.approx(2.0**333)
    console = Console(width=80, record=True, file=StringIO())
    console.print(table(report))
    assert all(len(line) <= 80 for line in console.export_text().splitlines())
    text = "\n".join(notes(report))
    assert "294 lengths" in text
    assert "the batch's statistics" in text
    assert "the stem's output" in text


def test_the_interval_is_called_approximate_and_by_its_kind():
    report = report_of(9)
    assert "an approximate 95 % Student-t interval" in "\n".join(notes(report))
    sampled = [dataclasses.replace(norm, deviation=0.1, bootstrap=(0.0, 1.0)) for norm in report.sampled]
    conventions = dataclasses.replace(report.conventions, limits="bootstrap")
    other = dataclasses.replace(report, sampled=sampled, conventions=conventions)
    assert "an approximate 95 % bootstrap-t interval" in "\n".join(notes(other))
    assert [(row["low"], row["high"]) for row in rows(other)] == [(0.0, row["count"] / 2) for row in rows(other)]


def test_the_summary_knows_the_papers_counts():
    figures = summary(report_of(54))
    assert figures["mean_length"] == 27
    assert figures["central_share"] >= 0.95
    assert figures["peak_length"] == 0
    # 1 - 1.5^-8 = 0.961 is the first to exceed 95 %.
    assert (figures["effective_low"], figures["effective_high"]) == (0, 7)
