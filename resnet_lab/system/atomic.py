"""Files that are either the old ones or the new ones, whatever happens in between."""

import hashlib
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


def write_with_digest(path: Path, content: bytes) -> str:
    """Write a file and, beside it, `<name>.sha256` in sha256sum's format. Returns the digest."""
    digest = hashlib.sha256(content).hexdigest()
    write(path, content)
    write(digest_path(path), f"{digest}  {path.name}\n".encode())
    return digest


def digest_path(path: Path) -> Path:
    """Return where the SHA-256 of a file is kept."""
    return path.with_name(path.name + ".sha256")
