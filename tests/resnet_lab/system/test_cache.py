"""The user's cache: its place, and the digest that distinguishes code."""

from pathlib import Path

import pytest

from resnet_lab.system.cache import cache_dir, digest_of


def test_the_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_dir("data") == Path("/home/somebody/.cache/resnet-lab/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_dir("data") == Path("/elsewhere/resnet-lab/data")


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
