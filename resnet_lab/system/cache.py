"""The user's cache: its place, one rule for what is read from it, and the digest of code that names what was cached.

A file of the cache is used only where it and its folders belong to this user or to root, nobody else can write to
them, it is a plain file and no link, and its SHA-256 is the one next to it. Anything else is made again by who asked
for it; where nothing can be kept, it is made for this process alone.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from resnet_lab.errors import DiskFullError
from resnet_lab.system import atomic

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
PRIVATE = 0o700


def cache_dir(name: str) -> Path:
    """Return `$XDG_CACHE_HOME/resnet-lab/<name>`, by default below `~/.cache`.

    Raises FileNotFoundError where there is no home folder.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore a relative path.
    return (Path(base) if os.path.isabs(base) else _home() / ".cache") / "resnet-lab" / name


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a container's user may have none
        raise FileNotFoundError("there is no home folder: set XDG_CACHE_HOME") from None


def read(name: str, file: str) -> bytes | None:
    """Return the content of `cache_dir(name) / file`, or None where there is none that may be used."""
    try:
        folder = cache_dir(name)
        if not all(_is_ours(each.stat(), stat.S_ISDIR) for each in (folder.parent, folder)):
            return None
        content, recorded = _content(folder / file), _content(atomic.digest_path(folder / file))
    except OSError:
        return None
    return content if recorded.split()[:1] == [hashlib.sha256(content).hexdigest().encode()] else None


def find(name: str, file: str) -> Path | None:
    """Return the path of a file that `read` would return, for what must be given a path."""
    return None if read(name, file) is None else cache_dir(name) / file


def own_folder(name: str) -> Path:
    """Return the folder `cache_dir(name)`, made where it is not there. Raises OSError where others can write to it."""
    folder = cache_dir(name)
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    if not all(_make_private(each) for each in (folder.parent, folder)):
        raise PermissionError(f"others can write to {folder}")
    return folder


def is_own_file(path: Path) -> bool:
    """Return whether a file is plain, this user's or root's, and nobody else can write to it."""
    try:
        return _is_ours(path.lstat(), stat.S_ISREG)
    except OSError:
        return False


def keep(name: str, file: str, content: bytes) -> Path | None:
    """Write a file of the cache and return its path; None where it cannot be kept."""
    with contextlib.suppress(OSError, DiskFullError):
        folder = own_folder(name)
        atomic.write_with_digest(folder / file, content)
        return folder / file
    return None


def _content(path: Path) -> bytes:
    """Return the content of a plain file of ours. Raises OSError where it is none."""
    # Neither followed, where it is a link, nor waited for, where it is a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as opened:
        if not _is_ours(os.fstat(descriptor), stat.S_ISREG):
            raise PermissionError(f"{path} is not this user's alone")
        return opened.read()


def _is_ours(status: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    owned = status.st_uid in (0, os.geteuid())
    return is_kind(status.st_mode) and owned and not status.st_mode & OTHERS_WRITE


def _make_private(folder: Path) -> bool:
    """Make a folder, or close one of ours to others. Returns whether nobody else can write to it."""
    folder.mkdir(mode=PRIVATE, exist_ok=True)
    status = folder.stat()
    if status.st_uid == os.geteuid() and status.st_mode & OTHERS_WRITE:
        folder.chmod(PRIVATE)
    return _is_ours(folder.stat(), stat.S_ISDIR)


def digest_of(folders: Iterable[Path]) -> str:
    """Return the SHA-256 of every file below some folders, names and contents; compiled Python does not count."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()
