"""The mirror of a trial's folder: what changed travels, with its time; what is being replaced is not taken for gone."""

import pytest

from resnet_lab.runner.fleet import mirror
from resnet_lab.runner.fleet.mirror import Mirror, read_files, write_files


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "there"
    made.mkdir()
    (made / "history.jsonl").write_bytes(b"1\n")
    return made


def test_each_change_is_said_once(folder, tmp_path):
    looking = Mirror(folder)
    assert set(looking.changes()) == {"history.jsonl"}
    assert looking.changes() == {}
    (folder / "history.jsonl").write_bytes(b"1\n2\n")
    changed = looking.changes()
    write_files(tmp_path / "here", changed)
    assert (tmp_path / "here" / "history.jsonl").read_bytes() == b"1\n2\n"
    times = [(each / "history.jsonl").stat().st_mtime_ns for each in (folder, tmp_path / "here")]
    assert times[0] == times[1], "a result is signed with it"


def test_a_file_is_gone_only_at_the_end(folder, tmp_path):
    (folder / "resume.pt").write_bytes(b"state")
    looking = Mirror(folder)
    write_files(tmp_path / "here", looking.changes())
    (folder / "resume.pt").unlink()
    assert looking.changes() == {}
    final = looking.changes(final=True)
    assert final == {"resume.pt": None}
    write_files(tmp_path / "here", final)
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["history.jsonl"]


def test_a_large_state_waits_and_the_last_one_does_not(folder, monkeypatch):
    monkeypatch.setattr(mirror, "SMALL_STATE", 4)
    looking = Mirror(folder)
    (folder / "resume.pt").write_bytes(b"state 1")
    assert "resume.pt" in looking.changes()
    (folder / "resume.pt").write_bytes(b"state of 2")
    assert looking.changes() == {}
    assert set(looking.changes(final=True)) == {"resume.pt"}


def test_locks_and_half_files_stay(folder):
    for name in ("worker.lock", "resume.pt.1", ".resume.pt.abcdefgh"):
        (folder / name).touch()
    assert set(read_files(folder)) == {"history.jsonl"}
    assert read_files(folder / "nowhere") == {}


def test_a_result_is_written_last_and_no_name_leads_elsewhere(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(mirror.atomic, "write", lambda path, content: (order.append(path), path.write_bytes(content)))
    write_files(tmp_path / "in", {"result.json": (b"{}", 1), "../z.txt": (b"", 2), "model.safetensors": (b"", 3)})
    assert order == [tmp_path / "in" / name for name in ("z.txt", "model.safetensors", "result.json")]
