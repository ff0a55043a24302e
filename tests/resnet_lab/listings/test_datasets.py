"""The list of data sets: sizes, and whether the files are at hand; nothing is downloaded."""

import json

from resnet_lab.data import sources
from resnet_lab.listings.datasets import data_sets, main


def test_without_files_only_the_digits_are_at_hand(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "download", lambda *_: (_ for _ in ()).throw(AssertionError("a download")))
    rows = {row["name"]: row for row in data_sets(tmp_path)}
    assert [name for name, row in rows.items() if row["at_hand"]] == ["digits"]
    assert "is missing" in rows["mnist"]["problem"]
    assert (rows["cifar100"]["classes"], rows["cifar100"]["size"], rows["cifar100"]["train"]) == (100, 32, 45_000)
    assert "does not exist" in {row["name"]: row for row in data_sets(tmp_path / "none")}["cifar10"]["problem"]


def test_a_set_in_the_folder_is_at_hand(mnist_dir, capsys):
    main(["--json", "--data-dir", str(mnist_dir)])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mnist"]["at_hand"]
    assert rows["mnist"]["folder"] == str(mnist_dir)


def test_the_text_fits_80_columns(tmp_path, capsys):
    main(["--data-dir", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert max(map(len, lines[:6])) <= 80
    assert "built in" in lines[1]
