"""The user's cache: its place, and the digest that distinguishes code."""

import os
from pathlib import Path

import pytest

from resnet_lab.system import cache
from resnet_lab.system.cache import cache_dir, digest_of


def test_the_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_dir("data") == Path("/home/somebody/.cache/resnet-lab/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_dir("data") == Path("/elsewhere/resnet-lab/data")


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file of the cache, as `keep` leaves it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = cache.keep("kernels", "a.so", b"content")
    assert path is not None
    return path


def test_what_is_kept_is_read_and_nobody_else_can_write_to_it(kept: Path) -> None:
    assert cache.read("kernels", "a.so") == b"content"
    assert cache.find("kernels", "a.so") == kept
    assert [path.stat().st_mode & 0o777 for path in (kept.parent.parent, kept.parent, kept)] == [0o700, 0o700, 0o644]
    assert cache.read("kernels", "b.so") is None


def test_whatever_is_not_as_it_was_kept_is_none(kept: Path) -> None:
    for damage in (b"", b"c0ntent", b"content and more"):
        kept.write_bytes(damage)
        assert cache.read("kernels", "a.so") is None
    kept.write_bytes(b"content")
    kept.with_name("a.so.sha256").unlink()
    assert cache.read("kernels", "a.so") is None


@pytest.mark.parametrize("mode", [0o666, 0o664])
def test_a_file_or_folder_that_others_can_write_to_is_not_read(kept: Path, mode: int) -> None:
    kept.chmod(mode)
    assert cache.read("kernels", "a.so") is None
    kept.chmod(0o644)
    for folder in (kept.parent, kept.parent.parent):
        folder.chmod(mode | 0o111)
        assert cache.read("kernels", "a.so") is None
        folder.chmod(0o755)
    assert cache.read("kernels", "a.so") == b"content"


def test_a_folder_of_ours_that_was_open_is_closed_before_it_is_used(kept: Path) -> None:
    kept.parent.chmod(0o777)
    assert cache.keep("kernels", "a.so", b"more") == kept
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert cache.read("kernels", "a.so") == b"more"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_another_user_is_neither_read_nor_written(kept: Path) -> None:
    os.chown(kept, 65534, 65534)
    assert cache.read("kernels", "a.so") is None
    os.chown(kept, 0, 0)
    os.chown(kept.parent, 65534, 65534)
    assert cache.read("kernels", "a.so") is None
    assert cache.keep("kernels", "a.so", b"more") is None


def test_links_pipes_and_folders_are_no_files_of_the_cache(kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    kept.rename(other)
    kept.symlink_to(other)
    assert cache.read("kernels", "a.so") is None
    kept.unlink()
    os.mkfifo(kept)
    assert cache.read("kernels", "a.so") is None
    kept.unlink()
    kept.mkdir()
    assert cache.read("kernels", "a.so") is None
    assert cache.keep("kernels", "a.so", b"more") is None


def test_without_a_place_for_it_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("/proc/nowhere", str(tmp_path / "file")):
        monkeypatch.setenv("XDG_CACHE_HOME", place)
        assert (cache.keep("kernels", "a.so", b""), cache.read("kernels", "a.so")) == (None, None)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert (cache.keep("kernels", "a.so", b""), cache.read("kernels", "a.so")) == (None, None)


def test_a_digest_is_of_names_and_contents_and_not_of_what_python_compiled(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = digest_of([tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("2")
    assert digest_of([tmp_path]) == before
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    renamed = digest_of([tmp_path])
    (tmp_path / "b.py").write_text("2")
    assert len({before, renamed, digest_of([tmp_path])}) == 3
