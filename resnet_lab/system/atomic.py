"""Atomic file writes: bytes, JSON, and bytes with their SHA-256 next to them."""

import hashlib
import json
import os
import tempfile
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write a file atomically: a temporary one in the same folder, fsync, rename. Raises OSError."""
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
