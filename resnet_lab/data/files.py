"""Published files: reading them verified by size and digest. Each error names file and remedy."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from resnet_lab.errors import UserError

REMEDY = "put the official file there, or give --data-dir a folder that holds an intact copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """A published file: its name, the hex digest of its content, and its size in bytes where known."""

    name: str
    digest: str
    algorithm: str = "md5"
    size: int | None = None


def read_bytes(path: Path) -> bytes:
    """Return the content of a file. Raises UserError where it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {REMEDY}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): {REMEDY}") from None


def read_known(folder: Path, file: KnownFile) -> bytes:
    """Return the content of a published file, verified. Raises UserError if missing, short or altered."""
    path = folder / file.name
    content = read_bytes(path)
    check_size(path, content, file.size)
    check_digest(path, content, file.algorithm, file.digest)
    return content


def check_size(path: Path, content: bytes, size: int | None) -> None:
    """Raise UserError unless `content` has `size` bytes."""
    if size is not None and len(content) != size:
        fault = "truncated" if len(content) < size else "too long"
        raise UserError(f"{path} is {fault}, {len(content)} bytes where {size} are expected: {REMEDY}")


def check_digest(path: Path, content: bytes, algorithm: str, digest: str) -> None:
    """Raise UserError unless the hash of `content` is the published one."""
    if hashlib.new(algorithm, content, usedforsecurity=False).hexdigest() != digest:
        name = algorithm.upper().replace("SHA", "SHA-")
        raise UserError(f"{path} is truncated or altered, its {name} is not the published one: {REMEDY}")


def find_folder(data_dir: Path, name: str, files: tuple[KnownFile, ...]) -> Path | None:
    """Return `data_dir/name`, or `data_dir` if it bears that name or holds one of the files, or None."""
    if (data_dir / name).is_dir():
        return data_dir / name
    holds_one = any((data_dir / file.name).is_file() for file in files)
    return data_dir if holds_one or data_dir.name == name else None
