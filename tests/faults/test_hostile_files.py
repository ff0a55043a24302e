"""Hostile files and names: each is refused in one sentence, reaches no terminal raw, and no path outside its folder."""

import csv
import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis import block_deletion, path_length
from analysis.inputs.targets import resolve
from analysis.report.exports import csv_text
from resnet_lab.checkpoint import load_model
from resnet_lab.data import digits
from resnet_lab.data.formats import idx
from resnet_lab.errors import UserError, printable
from resnet_lab.interchange.__main__ import main as interchange
from resnet_lab.interchange.importing import import_checkpoint
from resnet_lab.provenance import provenance_from
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import flatten, from_json
from resnet_lab.tracking import Tracker
from resnet_lab.tracking.attach import trial_of_run

FLAT = flatten(RunSpec())
ESCAPE = "\x1b]0;title\x07"
HOSTILE = {
    "width 200,000": json.dumps(FLAT | {"model.width": 200_000}),
    "width 2^70": json.dumps(FLAT | {"model.width": 2**70}),
    "a width that fits": json.dumps(FLAT | {"model.width": 65_536}),
    "depth 1,200,002": json.dumps(FLAT | {"model.depth": 1_200_002}),
    "6,000 digits": json.dumps(FLAT).replace('"model.width": 16', f'"model.width": {"9" * 6_000}'),
    "200,000 deep": "[" * 200_000 + "]" * 200_000,
    "a title for the terminal": json.dumps(FLAT | {"model.name": ESCAPE}),
}


def checkpoint(folder, metadata):
    path = folder / "model.safetensors"
    save_file({"fc.weight": torch.zeros(2, 2)}, path, metadata=metadata)
    return path


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("read", [load_model, import_checkpoint])
def test_metadata_that_no_network_has_is_one_sentence(tmp_path, what, read):
    with pytest.raises(UserError) as caught:
        read(checkpoint(tmp_path, {"spec": HOSTILE[what]}))
    assert len(str(caught.value)) < 1_000
    assert "\x1b" not in printable(str(caught.value))


def test_classes_and_channels_have_bounds_too(tmp_path):
    for counts in ({"classes": 10**9, "channels": 3}, {"classes": 10, "channels": 10**9}):
        with pytest.raises(UserError, match="provenance is not valid"):
            provenance_from(counts)
    imported = json.dumps({"spec": FLAT, "provenance": {"classes": 10**9, "channels": 3}})
    with pytest.raises(UserError, match="provenance is not valid"):
        load_model(checkpoint(tmp_path, {"imported": imported}))


def test_deep_metadata_of_an_imported_network_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="is not JSON"):
        load_model(checkpoint(tmp_path, {"imported": "[" * 200_000}))


@pytest.mark.parametrize("text", ["[" * 200_000, "9" * 6_000, '{"model.width": ' + "9" * 6_000 + "}", "\ud800", "{"])
def test_a_spec_that_is_no_json_of_ours_is_one_sentence(text):
    with pytest.raises(UserError) as caught:
        from_json(text)
    assert len(str(caught.value)) < 1_000


def header(text):
    return struct.pack("<Q", len(text)) + text


TENSOR = '{"dtype":"F32","shape":[],"data_offsets":[0,4]}'
HEADERS = {
    "2^63 bytes long": lambda: struct.pack("<Q", 2**63) + b"{}",
    "99 MB that are not there": lambda: struct.pack("<Q", 99_000_000) + b"{}",
    "60 MB of metadata": lambda: header(b'{"__metadata__":{"spec":"' + b"x" * 60_000_000 + b'"}}'),
    "many tensors of one place": lambda: header(
        ("{" + ",".join(f'"t{number}":{TENSOR}' for number in range(40_000)) + "}").encode()
    ),
    "nested 100,000 deep": lambda: header(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
}


@pytest.mark.parametrize("what", HEADERS)
@pytest.mark.parametrize("read", [load_model, import_checkpoint])
def test_a_header_that_no_network_has_is_one_sentence(tmp_path, what, read):
    path = tmp_path / "model.safetensors"
    path.write_bytes(HEADERS[what]() + bytes(4))
    with pytest.raises(UserError) as caught:
        read(path)
    assert len(str(caught.value)) < 1_000
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["a pipe", "a device", "a folder's link"])
def test_what_is_no_file_is_not_read(tmp_path, what):
    path = tmp_path / "model.safetensors"
    if what == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if what == "a device" else tmp_path)
    for read in (load_model, import_checkpoint):
        with pytest.raises(UserError, match=r"is no file|cannot read"):
            read(path)


class Trap:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return (os.mkdir, (str(self.victim),))


PICKLES = {
    "zip": ("a.pth", lambda path, trap: torch.save({"state_dict": trap}, path)),
    "legacy": (
        "a.pth",
        lambda path, trap: torch.save({"state_dict": trap}, path, _use_new_zipfile_serialization=False),
    ),
    "raw pickle": ("a.pth", lambda path, trap: path.write_bytes(pickle.dumps({"fc.weight": trap}))),
    "raw .pt": ("a.pt", lambda path, trap: path.write_bytes(pickle.dumps(trap))),
    "TorchScript with a pickle in it": ("a.pt", lambda path, trap: scripted(path, trap)),
    "named model.safetensors": ("model.safetensors", lambda path, trap: path.write_bytes(pickle.dumps(trap))),
}
DOORS = {
    "load_model": load_model,
    "import": lambda path: interchange(["import", str(path), "--out", str(path.parent / "out")]),
    "block_deletion": lambda path: block_deletion.main(["--checkpoint", str(path)]),
    "path_length": lambda path: path_length.main(["--checkpoint", str(path)]),
}


def scripted(path, trap):
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), str(path))
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in parts.items():
            changed.writestr(name, pickle.dumps(trap) if name.endswith("data.pkl") else content)


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore::DeprecationWarning")  # TorchScript's own
@pytest.mark.parametrize("form", PICKLES)
@pytest.mark.parametrize("door", DOORS)
def test_no_pickle_runs_its_code_at_any_door(tmp_path, capsys, form, door):
    name, write = PICKLES[form]
    write(tmp_path / name, Trap(tmp_path / "victim"))
    with pytest.raises((UserError, SystemExit)) as caught:
        DOORS[door](tmp_path / name)
    text = capsys.readouterr().err.strip() if isinstance(caught.value, SystemExit) else str(caught.value)
    assert getattr(caught.value, "code", 2) == 2
    assert name in text
    assert "\n" not in text
    assert not (tmp_path / "victim").exists()
    assert not (tmp_path / "out").exists()


def test_control_characters_reach_a_terminal_as_their_escapes(tmp_path, capsys):
    assert printable(f"a{ESCAPE}b\nc\té") == "a\\x1b]0;title\\x07b\nc\\té"
    with pytest.raises(SystemExit):
        interchange(["import", str(tmp_path / f"{ESCAPE}.pt"), "--out", str(tmp_path / "out")])
    printed = capsys.readouterr()
    assert "\x1b" not in printed.err + printed.out
    assert "\\x1b]0;title" in printed.err


@pytest.mark.parametrize("name", ["../../evilnet", "/etc", "aabbccddeeff-seed0/../..", "", "aabbccddeeff-seed0\n"])
def test_a_tag_in_mlflow_leads_to_no_folder_but_a_trials(store_folder, name):
    launch = Tracker.open(store_folder, "norm").start_launch("launch", {}, {})
    run = launch.start_trial("x", {}, {})
    run.client.set_tag(run.run_id, "trial", name)
    with pytest.raises(UserError, match="is no trial"):
        trial_of_run(store_folder, run.run_id)
    run.end("FINISHED")

    class Options:
        checkpoint, run, study, dataset, data_dir, out, device = None, None, "norm", None, None, store_folder, "cpu"

    with pytest.raises(UserError, match="no finished trial"):
        resolve(Options())


def test_no_cell_is_a_formula():
    cells = ["=1+1", "+1", "-1", "@sum", "\tx", "plain", "a=b"]
    rows = list(csv.DictReader(io.StringIO(csv_text([{"reason": cell, "n": -1.5} for cell in cells]))))
    assert [row["reason"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@sum", "'\tx", "plain", "a=b"]
    assert {row["n"] for row in rows} == {"-1.5"}


def test_fashion_images_that_nobody_can_verify_are_refused(tmp_path):
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for file in (idx.FASHION_MNIST.train_labels, idx.FASHION_MNIST.train_images):
        header = bytes((0, 0, 8, len(file.shape))) + struct.pack(f">{len(file.shape)}I", *file.shape)
        (folder / file.name).write_bytes(header + bytes(int(np.prod(file.shape))))
    with pytest.raises(UserError, match="cannot be verified"):
        idx.read(tmp_path, idx.FASHION_MNIST)


def test_digits_that_were_altered_are_refused(monkeypatch):
    table = digits._installed_table()
    table[7, :64], table[8, 64] = 0, (table[8, 64] + 1) % 10
    monkeypatch.setattr(digits, "_installed_table", lambda: table)
    for use in (digits.verify, digits.read):
        with pytest.raises(UserError, match="were altered"):
            use()
