"""Atomic file writes: bytes, JSON, and bytes with their SHA-256 next to them."""

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from resnet_lab.errors import DiskFullError, is_full


def write(path: Path, content: bytes) -> None:
    """Write a file atomically: a temporary one in the same folder, fsync, rename. Raises OSError, DiskFullError."""
    with naming(path, len(content)):
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)  # mkstemp makes it private
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def append(path: Path, content: bytes) -> None:
    """Append to a file, without waiting for the disk. Raises OSError, DiskFullError."""
    with naming(path, len(content)), path.open("ab") as file:
        file.write(content)


@contextlib.contextmanager
def naming(path: Path, size: int) -> Iterator[None]:
    """Turn the bare error of a full disk into one that names the file and its bytes."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DiskFullError(
            f"{error.strerror}: {path} needs {size:,} bytes; make room and run the same command again"
        ) from None


def write_json(path: Path, content: object) -> None:
    """Write JSON with an indent of 2 and a line's end, atomically. Raises OSError."""
    write(path, (json.dumps(content, indent=2) + "\n").encode())


def write_with_digest(path: Path, content: bytes) -> str:
    """Write a file and, next to it, `<name>.sha256` in sha256sum's format. Returns the digest."""
    digest = hashlib.sha256(content).hexdigest()
    write(path, content)
    write(digest_path(path), f"{digest}  {path.name}\n".encode())
    return digest


def digest_path(path: Path) -> Path:
    """Return where the SHA-256 of a file is kept."""
    return path.with_name(path.name + ".sha256")


_TEMPORARY = re.compile(r"\.\w[\w.-]*\.[a-z0-9_]{8}")  # as `tempfile.mkstemp` ends what `write` begins


def sweep(folder: Path) -> None:
    """Remove the temporary files that writers which were killed left in a folder, where nobody else writes."""
    for path in folder.glob(".*"):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)
