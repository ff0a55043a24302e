"""The commands `python -m resnet_lab.interchange import` and `export`: output, files, exit codes."""

import json
import os

import pytest
import torch

from resnet_lab.interchange.__main__ import main


class Trap:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return (os.mkdir, (str(self.victim),))


@pytest.fixture
def run(capsys):
    """Run the command in this process: returns exit code, standard output and standard error."""

    def run(*arguments):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code or 0
        else:
            code = 0
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def resnet18(tmp_path, foreign):
    torch.save(foreign("resnet18", num_classes=10).state_dict(), tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth"


def test_import_reports_and_writes(run, tmp_path, resnet18):
    code, out, err = run("import", resnet18, "--out", tmp_path / "ours")
    assert (code, err) == (0, "")
    assert "122 of 122 (100.00 %)" in out
    assert "mean 0.485 0.456 0.406" in out
    assert sorted(path.name for path in (tmp_path / "ours").iterdir()) == [
        "config.json",
        "coverage.json",
        "model.safetensors",
        "model.safetensors.sha256",
    ]


def test_import_and_export_in_json(run, tmp_path, resnet18):
    code, out, _ = run("import", resnet18, "--format", "torchvision", "--out", tmp_path / "ours", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["model"]["depth"] == 18
    assert report["coverage"]["complete"]
    assert report["normalisation"]["std"] == [0.229, 0.224, 0.225]
    assert report["origin"]["file"] == "resnet18.pth"
    code, out, _ = run("export", tmp_path / "ours", "--out", tmp_path / "back.pth", "--json")
    assert (code, json.loads(out)["format"]) == (0, "torchvision")
    assert (tmp_path / "back.pth").exists()


def test_a_file_of_which_little_fits_has_a_report_of_the_nearest_network(run, tmp_path, resnet18):
    tensors = torch.load(resnet18, weights_only=True)
    torch.save({name: each for name, each in tensors.items() if name.startswith("layer1")}, resnet18)
    code, out, err = run("import", resnet18, "--out", tmp_path / "ours")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "no network is recognised" in err
    assert out.startswith("nearest network: resnet18\nload coverage: INCOMPLETE\n  tensors     24 of 122 (19.67 %)")
    assert len(out.splitlines()) <= 8
    code, out, err = run("import", resnet18, "--out", tmp_path / "ours", "--json")
    report = json.loads(out)
    assert (code, report["nearest"], report["coverage"]["matched"]) == (2, "resnet18", 24)
    assert not (tmp_path / "ours").exists()


def test_a_file_of_which_nothing_fits_says_so(run, tmp_path):
    torch.save({"blocks.0.attn.qkv.weight": torch.ones(3, 1)}, tmp_path / "vit.pth")
    code, out, err = run("import", tmp_path / "vit.pth", "--out", tmp_path / "ours")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "nearest network: none, no tensor of the file fits one" in out
    assert "unexpected  1: blocks.0.attn.qkv.weight" in out


@pytest.mark.parametrize("as_json", [False, True])
def test_an_incomplete_load_reports_and_refuses(run, tmp_path, resnet18, as_json):
    tensors = torch.load(resnet18, weights_only=True)
    torch.save({name: each for name, each in tensors.items() if "bn2" not in name}, resnet18)
    json_flag = ["--json"] if as_json else []
    code, out, err = run("import", resnet18, "--out", tmp_path / "ours", *json_flag)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "--allow-partial" in err
    assert not (tmp_path / "ours").exists()
    if as_json:
        assert json.loads(out)["coverage"]["matched"] == 82
    else:
        assert "82 of 122 (67.21 %)" in out
        assert len(out.splitlines()) <= 8
    code, out, err = run("import", resnet18, "--out", tmp_path / "ours", "--allow-partial", *json_flag)
    assert (code, err) == (0, "")
    assert json.loads((tmp_path / "ours" / "coverage.json").read_text())["matched"] == 82
    _, out, _ = run("import", tmp_path / "ours", "--out", tmp_path / "again")
    assert "loaded in part, 82 of 122 tensors came from resnet18.pth" in out


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04torn", b"\x80\x02trash"])
def test_a_bad_file_is_one_line_and_exit_2(run, tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    code, out, err = run("import", tmp_path / "a.pth", "--out", tmp_path / "ours")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "ours").exists()


def test_a_malicious_file_is_one_line_exit_2_and_runs_nothing(run, tmp_path):
    torch.save({"state_dict": {"conv1.weight": Trap(tmp_path / "victim")}}, tmp_path / "a.th")
    code, _, err = run("import", tmp_path / "a.th", "--out", tmp_path / "ours")
    assert (code, len(err.splitlines())) == (2, 1)
    assert not (tmp_path / "victim").exists()


def test_mistakes_on_the_command_line(run, tmp_path):
    assert run()[0] == 2
    assert run("import")[0] == 2
    assert run("imports", "a", "--out", "b")[0] == 2
    assert run("import", tmp_path / "none.pth", "--out", tmp_path / "b")[0] == 2
    assert run("export", tmp_path, "--out", tmp_path / "b.pth")[0] == 2
    assert run("--help")[0] == 0
