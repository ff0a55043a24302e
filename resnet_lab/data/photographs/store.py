"""Store of decoded images: memory-mapped arrays named by what they were made from, verified whenever they are opened.

Below the user's cache: `<key>.npy` holds uint8 [N, side, side, 3], `<key>.json` its SHA-256 and what was noted.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnet_lab.system import cache

FOLDER = "images"
"""Name of the cache's folder that holds them."""
Rows = Iterator[NDArray[np.uint8]]
Make = Callable[[], tuple[Rows, dict[str, Any]]]
Pixels = NDArray[np.uint8]
CHUNK = 2**24  # bytes hashed at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An array of the store and what was noted when it was made; the array may be written to without effect on it."""

    pixels: Pixels
    notes: dict[str, Any]


def key_of(*parts: object) -> str:
    """Return the name of an array that is made from these parts, and from nothing else."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def stored(key: str, shape: tuple[int, ...], make: Make) -> Stored:
    """Open an array of the store, or make it: `make` returns its rows and what to note, which is read after the rows.

    `shape` is that of a row. Damage is found by the SHA-256 and the array made again. Where nothing can be kept the
    array lies in memory.
    """
    from filelock import FileLock

    try:
        folder = cache.own_folder(FOLDER)
        with FileLock(folder / f"{key}.lock"):
            return _opened(folder, key, shape) or _made(folder, key, shape, make)
    except OSError:  # a cache that cannot be written, or is full
        rows, notes = make()
        return Stored(pixels=np.array(list(rows), dtype=np.uint8).reshape(-1, *shape), notes=notes)


def _opened(folder: Path, key: str, shape: tuple[int, ...]) -> Stored | None:
    """Return what is stored, or None where it is not there or not what was written."""
    array = folder / f"{key}.npy"
    if not array.exists():
        return None
    about = cache.read(FOLDER, f"{key}.json")
    if about is not None and cache.is_own_file(array):
        content, pixels = json.loads(about), _mapped(array, shape)
        if pixels is not None and content["sha256"] == digest_of(pixels):
            return Stored(pixels=pixels, notes=content["notes"])
    print(f"{array} is not what was written: it is made again", file=sys.stderr)
    return None


def _mapped(array: Path, shape: tuple[int, ...]) -> Pixels | None:
    """Return an array that is read where it is used, and copied where it is written to, as a tensor demands."""
    try:
        pixels: Pixels = np.load(array, mmap_mode="c")
    except ValueError:  # another header or length
        return None
    return pixels if pixels.shape[1:] == shape and pixels.dtype == np.uint8 else None


def _made(folder: Path, key: str, shape: tuple[int, ...], make: Make) -> Stored:
    """Write the rows one by one, so that no set has to fit the memory, and open what was written."""
    rows, notes = make()
    array = folder / f"{key}.npy"
    count = _write(array, rows, shape)
    pixels = _mapped(array, shape) if count else np.empty((0, *shape), dtype=np.uint8)  # nothing cannot be mapped
    if pixels is None:
        raise OSError(f"{array} was changed while it was written")
    content = {"sha256": digest_of(pixels), "notes": notes}
    cache.keep(FOLDER, f"{key}.json", json.dumps(content).encode())
    return Stored(pixels=pixels, notes=notes)


def _write(array: Path, rows: Rows, shape: tuple[int, ...]) -> int:
    """Write rows as a file of numpy's, atomically; return their number."""
    temporary, count = array.with_suffix(f".{os.getpid()}.part"), 0
    try:
        with temporary.open("wb") as file:
            file.write(b"\0" * HEADER)
            for count, row in enumerate(rows, 1):  # noqa: B007  # read after the loop
                file.write(np.ascontiguousarray(row).data)
            file.seek(0)
            file.write(_header((count, *shape)))
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o600)
        os.replace(temporary, array)
    finally:
        temporary.unlink(missing_ok=True)
    return count


HEADER = 128
"""Bytes before the numbers: those of the .npy format, version 1.0, for any shape that fits here."""


def _header(shape: tuple[int, ...]) -> bytes:
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape})
    return b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little") + text.ljust(HEADER - 11).encode() + b"\n"


def digest_of(pixels: Pixels) -> str:
    """Return the SHA-256 (hex) of an array, read a chunk at a time."""
    hashed, flat = hashlib.sha256(), pixels.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        hashed.update(flat[start : start + CHUNK].data)
    return hashed.hexdigest()
