"""The command `python -m analysis.landscape`: files, JSON, MLflow and refusals."""

import json
import shutil

import pandas as pd
import pytest
import torch

from analysis.landscape import command
from analysis.landscape.__main__ import main
from resnet_lab.checkpoint import save_model
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import DataSpec, ModelSpec, RunSpec
from resnet_lab.spec.fields import flatten
from resnet_lab.tracking import Tracker
from resnet_lab.trials.trial import Trial

pytestmark = pytest.mark.usefixtures("one_thread")

FEW = ("--images", "8", "--points", "3", "--device", "cpu")
FILES = {"surface.csv", "surface.png", "surface.svg", "gradients.csv", "gradients.png", "gradients.svg", "summary.json"}


def keep(folder, *, spoilt=False, seed=0):
    """Write the checkpoint of an untrained net for the digits."""
    spec = RunSpec(model=ModelSpec(depth=8, width=4), data=DataSpec(name="digits"), seed=seed)
    model = build_network(spec.model, channels=1, classes=10)
    initialise(model, seed)
    if spoilt:
        torch.nn.init.constant_(model.fc.weight, float("nan"))
    folder.mkdir(parents=True)
    save_model(folder, spec, model)
    return spec


def refusal(capsys, *argv):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_files_table_and_run_of_a_bare_checkpoint(store_folder, capsys, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    keep(store_folder / "net")
    main(["--checkpoint", str(store_folder / "net"), "--out", str(store_folder), *FEW])
    captured = capsys.readouterr()
    folder = store_folder / "landscape" / "net"
    assert {path.name for path in folder.iterdir()} == FILES
    surface, summary = pd.read_csv(folder / "surface.csv"), json.loads((folder / "summary.json").read_text())
    assert (len(surface), len(pd.read_csv(folder / "gradients.csv"))) == (9, 4 * 8)
    assert summary["loss"] == pytest.approx(surface["loss"][4])
    assert len(summary["gradients"]) == 4
    tracker = Tracker.open(store_folder, "landscape")
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert f"MLflow: run {run.info.run_id}, experiment landscape" in captured.err
    assert (run.info.run_name, run.data.params["points"]) == ("net", "3")
    assert run.data.metrics["loss"] == pytest.approx(summary["loss"])
    assert "batch norms of the surface with the trained running statistics" in " ".join(captured.out.split())
    assert all(len(line) <= 80 for line in captured.out.splitlines())


def test_the_networks_of_a_study_share_a_figure(store_folder, capsys, monkeypatch):
    monkeypatch.setattr(command, "write_figures", lambda _landscape, _folder: [])  # drawn in the test above
    tracker = Tracker.open(store_folder, "placement")
    launch = tracker.start_launch("launch", {}, {})
    (store_folder / "config.json").write_text("{}")
    for seed in (0, 1):
        spec = keep(store_folder / f"net{seed}", seed=seed)
        trial = Trial(root=store_folder / "trials", spec=spec)
        shutil.copytree(store_folder / f"net{seed}", trial.folder)
        run = launch.start_trial(trial.name, flatten(spec), {})
        run.finish({"test/error": 90.0}, trial.folder / "model.safetensors", store_folder / "config.json")
    main(["--study", "placement", "--out", str(store_folder), *FEW, "--bn", "train", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [(len(each["surface"]), len(each["gradients"])) for each in found] == [(9, 32), (9, 32)]
    assert found[0]["summary"]["loss"] == found[0]["surface"][4]["loss"] != found[1]["summary"]["loss"]
    (logged,) = tracker.client.list_artifacts(run.run_id, "landscape")
    assert logged.path == "landscape/summary.json"
    rows = pd.read_csv(store_folder / "landscape" / "placement" / "gradients.csv")
    assert rows["network"].nunique() == 4
    assert (store_folder / "landscape" / "placement" / "gradients.png").stat().st_size > 10_000


def test_refusals_are_one_line_and_write_nothing(tmp_path, capsys):
    keep(tmp_path / "net")
    keep(tmp_path / "spoilt", spoilt=True)
    net, out = ("--checkpoint", str(tmp_path / "net")), ("--out", str(tmp_path / "out"), "--device", "cpu")
    assert "give one of --checkpoint" in refusal(capsys, *out)
    for option, value in (("--images", "1"), ("--points", "1"), ("--points", "4"), ("--points", "503")):
        assert f"{option} {value}: it must be" in refusal(capsys, *net, *out, option, value)
    for option, value in (("--span", "0"), ("--span", "nan"), ("--seed", "-1"), ("--seed", str(2**31))):
        assert f"{option} " in refusal(capsys, *net, *out, option, value)
    assert "training images, ask for no more" in refusal(capsys, *net, *out, "--images", "100000")
    assert "not finite" in refusal(capsys, "--checkpoint", str(tmp_path / "spoilt"), *out, *FEW[:4])
    assert "cannot read" in refusal(capsys, "--checkpoint", str(tmp_path / "nothing.safetensors"), *out)
    assert not (tmp_path / "out" / "landscape").exists()
