"""The user's cache: its place, atomic writes to it, and the digest of code that names what was cached."""

import contextlib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from resnet_lab.system import atomic


def cache_dir(name: str) -> Path:
    """Return `$XDG_CACHE_HOME/resnet-lab/<name>`, by default below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore a relative path.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "resnet-lab" / name


def keep(path: Path, content: bytes) -> None:
    """Write a file of the cache. Without effect where it cannot be written."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, content)


def digest_of(folders: Iterable[Path]) -> str:
    """Return the SHA-256 of every file below some folders, names and contents; compiled Python does not count."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()
