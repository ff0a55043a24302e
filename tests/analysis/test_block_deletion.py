"""The command `analysis.block_deletion`, on a ResNet-20 trained for two epochs of digits."""

import json
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import torch

from analysis.block_deletion import main
from resnet_lab.checkpoint import save_model
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.trials.run_trial import run_trial
from resnet_lab.trials.trial import Trial
from resnet_lab.trials.worker_settings import WorkerSettings
from studies.results.lesion_damage import lesion_damage

SPEC = replace(
    RunSpec(),
    {
        "model.depth": 20,
        "model.width": 8,
        "data.name": "digits",
        "recipe.batch_size": 64,
        "recipe.iterations": 38,
        "recipe.augmentation": "none",
        "recipe.precision": "fp32",
    },
)
REQUIRED = {"experiment", "mode", "block", "k", "error", "low", "high"}


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    trial = Trial(root=tmp_path_factory.mktemp("runs") / "trials", spec=SPEC)
    assert run_trial(
        trial, WorkerSettings(data_dir=None, device="cpu", environment={"git_sha": "", "git_dirty": False})
    )
    torch.set_num_threads(threads)
    return trial


@pytest.fixture(autouse=True)
def no_store(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def rows_of(capsys, *argv):
    main([*map(str, argv), "--json", "--device", "cpu"])
    return json.loads(capsys.readouterr().out)


def refusal(capsys, *argv):
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, argv)))
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


def test_every_block_deleted_in_turn(trial, tmp_path, capsys):
    rows = rows_of(capsys, "--checkpoint", trial.folder, "--out", tmp_path)
    assert all(row.keys() >= REQUIRED for row in rows)
    base, *single = rows
    assert (base["experiment"], base["block"], base["k"]) == ("base", None, 0)
    assert base["error"] == trial.result()["test/error"]
    assert {(row["experiment"], row["mode"], row["k"]) for row in single} == {("single", "delete", 1)}
    assert [row["block"] for row in single] == list(range(9))
    assert [row["block"] for row in single if row["downsamples"]] == [3, 6]
    assert all(0 <= row["low"] <= row["error"] <= row["high"] <= 100 for row in rows)
    assert max(row["damage"] for row in single) > 1
    names = {path.name for path in (tmp_path / "lesions" / trial.name).iterdir()}
    assert names >= {"lesions.csv", "per_class.csv", "measures.csv", "correlations.csv"}
    assert names >= {f"{name}.{ending}" for name in ("single", "per_class", "measures") for ending in ("png", "svg")}
    frame = pd.read_csv(tmp_path / "lesions" / trial.name / "lesions.csv")
    assert frame["error"].tolist() == [row["error"] for row in rows]


@pytest.mark.usefixtures("undrawn")
def test_a_bare_checkpoint_is_logged_under_a_fresh_folder(trial, tmp_path, capsys):
    from resnet_lab.tracking import Tracker

    main(["--checkpoint", str(trial.folder), "--out", str(tmp_path), "--images", "40", "--device", "cpu"])
    tracker = Tracker.open(tmp_path, "lesions")
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert f"MLflow: run {run.info.run_id}, experiment lesions" in capsys.readouterr().err
    assert (run.info.status, run.data.params["experiment"]) == ("FINISHED", "single")
    assert "single.png" in {file.path for file in tracker.client.list_artifacts(run.info.run_id)}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("how", ["per_pixel", "none"])
def test_a_network_is_examined_on_images_as_it_was_trained_on(tmp_path, capsys, how):
    """The undamaged network errs as often as at the end of its training, here and in the study's own lesions."""
    small = {"model.depth": 8, "recipe.iterations": 60, "data.normalise": how}
    trial = Trial(root=tmp_path / "trials", spec=replace(SPEC, small))
    assert run_trial(
        trial, WorkerSettings(data_dir=None, device="cpu", environment={"git_sha": "", "git_dirty": False})
    )
    capsys.readouterr()  # what training has printed
    base, *single = rows_of(capsys, "--checkpoint", trial.folder, "--out", tmp_path)
    assert base["error"] == trial.result()["test/error"] < 60
    damages = [row["damage"] for row in single if row["experiment"] == "single"]
    assert lesion_damage(trial, None)["lesion/worst_damage"] == pytest.approx(max(damages))


@pytest.mark.slow
def test_every_experiment_and_mode_in_one_go(trial, tmp_path, capsys):
    names = ["single", "multiple", "reorder", "pairs", "prefix", "suffix", "duplicate"]
    modes = ["delete", "zero", "mean", "reinit", "randomise", "scale:0.5"]
    argv = [
        "--checkpoint",
        trial.folder,
        "--out",
        tmp_path,
        "--images",
        40,
        "--draws",
        2,
        "--max-k",
        2,
        "--recalibrate-bn",
        2,
    ]
    argv += ["--experiment", *names, "--mode", *modes, "--blocks", 0, 1, 3]
    rows = rows_of(capsys, *argv)
    assert {row["experiment"] for row in rows} == {"base", *names}
    assert {row["mode"] for row in rows if row["experiment"] == "single"} == set(modes)
    assert {row["heal"] for row in rows} == {0, 2}
    assert all(sorted(row["block"]) == list(range(9)) for row in rows if row["experiment"] == "reorder")
    assert all(3 not in row["block"] for row in rows if row["experiment"] == "multiple")
    assert {path.stem for path in (tmp_path / "lesions" / trial.name).glob("*.svg")} == {
        *names,
        "per_class",
        "measures",
    }


@pytest.mark.usefixtures("undrawn")
def test_the_same_command_gives_the_same_rows(trial, tmp_path, capsys):
    argv = ["--checkpoint", trial.folder, "--out", tmp_path, "--images", 40, "--draws", 3, "--max-k", 3, "--seed", 5]
    argv += ["--experiment", "multiple", "reorder", "--mode", "randomise"]
    assert rows_of(capsys, *argv) == rows_of(capsys, *argv)


@pytest.mark.usefixtures("undrawn")
def test_recalibrating_an_undamaged_network_on_its_own_training_images_does_no_harm(trial, tmp_path, capsys):
    rows = rows_of(capsys, "--checkpoint", trial.folder, "--out", tmp_path, "--heal", 9, "--blocks", 0)
    before, after = (row["error"] for row in rows if row["experiment"] == "base")
    assert before - 15 <= after <= before + 3  # after two epochs the running statistics still lag, so it may gain
    assert [row["heal"] for row in rows] == [0, 0, 9, 9]


@pytest.mark.usefixtures("undrawn")
def test_contrast_of_a_plain_network(tmp_path, capsys):
    spec = replace(SPEC, {"model.depth": 8, "model.block.shortcut": "none"})
    model = build_network(spec.model, channels=1)
    initialise(model, 0)
    save_model(tmp_path, spec, model)
    rows = rows_of(capsys, "--checkpoint", tmp_path, "--out", tmp_path, "--experiment", "contrast", "--images", 20)
    assert [(row["experiment"], row["block"]) for row in rows] == [("base", None)] + [
        ("contrast", layer) for layer in (1, 2, 4, 6)
    ]
    assert (tmp_path / "lesions" / tmp_path.name / "contrast.png").exists()
    message = refusal(capsys, "--checkpoint", tmp_path, "--out", tmp_path)
    assert "has no residual blocks" in message


@pytest.mark.usefixtures("undrawn")
def test_a_person_reads_a_table(trial, tmp_path, capsys):
    main(["--checkpoint", str(trial.folder), "--out", str(tmp_path), "--images", "60"])
    printed = capsys.readouterr()
    assert "median" in printed.out
    assert "Spearman's rho of influence" in printed.out
    assert "tables and figures:" in printed.err


@pytest.mark.usefixtures("undrawn")
def test_files_are_logged_where_there_is_a_store(trial, tmp_path, capsys, empty_database):
    from resnet_lab.tracking.client import connect
    from resnet_lab.tracking.database import sqlite_uri

    shutil.copy(empty_database, tmp_path / "mlflow.db")
    rows_of(capsys, "--checkpoint", trial.folder, "--out", tmp_path, "--images", 20)
    client = connect(sqlite_uri(tmp_path / "mlflow.db"))
    experiment = client.get_experiment_by_name("lesions")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.info.run_name) == ("FINISHED", trial.name)
    assert {"lesions.csv", "single.png"} <= {item.path for item in client.list_artifacts(run.info.run_id)}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--blocks", 3, 7, 99], "there is no block 99: this network has 9, numbered from 0"),
        (["--mode", "deleet"], "there is no lesion 'deleet': choose from delete"),
        (["--experiment", "singel"], "--experiment"),
        (["--draws", 0], "--draws 0: it must be 1 or more"),
        (["--dataset", "digits", "--heal", 50], "--recalibrate-bn 50 needs 6400 training images, and there are 1257"),
        (["--experiment", "multiple", "--blocks", 3], "every block asked for changes the shape"),
        (["--experiment", "reorder", "--blocks", 0, 4], "no two are"),
        (["--experiment", "contrast"], "is no plain network"),
        (["--run", "abc"], "give one of --checkpoint"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line(trial, tmp_path, capsys, argv, message):
    assert message in refusal(capsys, "--checkpoint", trial.folder, "--out", tmp_path, *argv)


def test_no_network_and_a_missing_one(tmp_path, capsys):
    assert "give one of --checkpoint" in refusal(capsys, "--out", tmp_path)
    assert "cannot read the checkpoint" in refusal(capsys, "--checkpoint", tmp_path / "none.th", "--out", tmp_path)


def test_images_of_other_channels_or_classes_are_refused(tmp_path, capsys):
    spec = replace(SPEC, {"model.depth": 8, "data.name": "cifar100"})
    save_model(tmp_path, spec, build_network(spec.model, channels=3, classes=100))
    message = refusal(capsys, "--checkpoint", tmp_path, "--out", tmp_path, "--dataset", "digits")
    assert "100" in message


def test_help_loads_no_torch():
    code = (
        "import sys\nfrom analysis.block_deletion import main\ntry:\n main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'mlflow', 'seaborn', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--include-downsampling" in done.stdout


@pytest.mark.usefixtures("undrawn")
def test_a_run_or_a_study_is_found_in_mlflow_and_gets_the_files(trial, capsys, empty_database):
    from resnet_lab.tracking import Tracker
    from resnet_lab.tracking.client import connect
    from resnet_lab.tracking.database import sqlite_uri

    out = trial.root.parent
    shutil.copy(empty_database, out / "mlflow.db")
    launch = Tracker.open(out, "bn_placement").start_launch("launch", {}, {})
    run = launch.start_trial(trial.name, {}, {})
    run.end("FINISHED")
    few = ("--out", out, "--images", 20, "--blocks", 0)
    by_run, by_study = rows_of(capsys, "--run", run.run_id, *few), rows_of(capsys, "--study", "bn_placement", *few)
    assert by_run == by_study == rows_of(capsys, "--checkpoint", trial.folder, *few)
    client = connect(sqlite_uri(out / "mlflow.db"))
    assert "lesions/single.svg" in {item.path for item in client.list_artifacts(run.run_id, "lesions")}
    assert client.get_run(run.run_id).info.status == "FINISHED"
    assert "MLflow has no run 'abc'" in refusal(capsys, "--run", "abc", "--out", out)
    assert "is no trial" in refusal(capsys, "--run", launch.run_id, "--out", out)
    assert "no study 'other'" in refusal(capsys, "--study", "other", "--out", out)


def test_networks_with_and_without_shortcuts_are_lesioned_alike_and_drawn_in_one_figure(store_folder, capsys):
    """Blocks of the ResNet and layers of the plain net, by two experiments of which each network takes one."""
    from resnet_lab.tracking import Tracker

    launch = Tracker.open(store_folder, "train").start_launch("launch", {}, {})
    for shortcut in ("A", "none"):
        spec = replace(SPEC, {"model.depth": 8, "model.block.shortcut": shortcut})
        trial = Trial(root=store_folder / "trials", spec=spec)
        model = build_network(spec.model, channels=1)
        initialise(model, 0)
        trial.folder.mkdir(parents=True)
        save_model(trial.folder, spec, model)
        launch.start_trial(trial.name, {}, {}).end("FINISHED")
    rows = rows_of(
        capsys, "--study", "train", "--out", store_folder, "--experiment", "single", "contrast", "--images", 20
    )
    assert {(row["experiment"], row["block"]) for row in rows} == {("base", None)} | {
        *(("single", block) for block in range(3)),
        *(("contrast", layer) for layer in (1, 2, 4, 6)),
    }
    folder = store_folder / "lesions" / "train"
    assert (folder / "networks.png").stat().st_size > 10_000
    table = pd.read_csv(folder / "networks.csv")
    counts = table.groupby("network")["experiment"].count().to_dict()
    assert counts == {"cifar_resnet depth=8 width=8": 4, "cifar_resnet depth=8 width=8 shortcut=none": 5}
