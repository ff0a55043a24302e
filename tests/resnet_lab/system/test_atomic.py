"""Atomic writes: the old file or the new one, whatever happens in between, and nothing left lying about."""

import errno
import os
from pathlib import Path

import pytest

from resnet_lab.errors import DiskFullError
from resnet_lab.system import atomic


def test_a_file_is_written_and_replaced_whole(tmp_path):
    path = tmp_path / "file.json"
    atomic.write(path, b"old and longer")
    atomic.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file.json"]


def test_others_may_read_it(tmp_path):
    path = tmp_path / "file.json"
    atomic.write(path, b"")
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failure_at_any_step_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, step):
    path = tmp_path / "file.json"
    atomic.write(path, b"old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(DiskFullError, match=r"No space left on device: .*file.json needs 3 bytes"):
        atomic.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.json"]


def test_an_interrupt_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    atomic.write(path, b"old")

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic.write(path, b"new")
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["file.json"])


def test_the_content_is_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    """A rename that reaches the disk before the content would leave an empty file after a power cut."""
    path, seen = tmp_path / "file.json", []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor):
        seen.append(("fsync", os.fstat(descriptor).st_size))
        fsync(descriptor)

    def watched_replace(source, target):
        assert os.path.dirname(source) == str(tmp_path)  # a rename across file systems is not atomic
        seen.append(("replace", os.path.basename(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    atomic.write(path, b"12345")
    assert seen == [("fsync", 5), ("replace", "file.json")]


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic.write(tmp_path / "absent" / "file.json", b"")


def test_the_digest_next_to_a_file_is_in_the_format_that_sha256sum_checks(tmp_path):
    path = tmp_path / "model.safetensors"
    digest = atomic.write_with_digest(path, b"abc")
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert atomic.digest_path(path) == tmp_path / "model.safetensors.sha256"
    assert atomic.digest_path(path).read_text() == f"{digest}  model.safetensors\n"


def test_json_has_an_indent_of_two_and_a_lines_end(tmp_path):
    atomic.write_json(tmp_path / "file.json", {"a": [1, None], "b": "ü"})
    assert (tmp_path / "file.json").read_bytes() == b'{\n  "a": [\n    1,\n    null\n  ],\n  "b": "\\u00fc"\n}\n'


def test_what_is_appended_stays_and_a_full_disk_names_the_file(tmp_path):
    for text in (b"one\n", b"two\n"):
        atomic.append(tmp_path / "history.jsonl", text)
    assert (tmp_path / "history.jsonl").read_bytes() == b"one\ntwo\n"
    with pytest.raises(DiskFullError, match=r"/dev/full needs 5 bytes"):
        atomic.append(Path("/dev/full"), b"three")


def test_a_sweep_removes_what_killed_writers_left_and_nothing_else(tmp_path):
    kept = [tmp_path / name for name in ("resume.pt", ".hidden", ".resume.pt", "worker.lock", ".gitkeep.txt")]
    for path in (*kept, tmp_path / ".resume.pt.i77a03d6", tmp_path / ".config.json.abc_def8"):
        path.touch()
    atomic.sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
