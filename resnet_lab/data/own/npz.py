"""Arrays of a file as `numpy.savez` writes it. Imports no torch."""

import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from resnet_lab.data.own.arrays import WANTED, OwnArrays, from_mapping
from resnet_lab.errors import UserError


def read_npz(path: Path) -> OwnArrays:
    """Read a file's arrays. Raises UserError where it is not there, is no such file, or holds pickled objects."""
    if not path.is_file():
        raise UserError(f"there is no file {path}: write one by numpy.savez, with the arrays {WANTED}")
    try:
        with path.open("rb") as opened:  # numpy leaves it open where it is no zip file
            held = _arrays(opened)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read as arrays ({error}): write it by numpy.savez") from None
    if held is None:
        raise UserError(f"{path} holds one array: write it by numpy.savez, with the arrays {WANTED}")
    return from_mapping(held, str(path))


def _arrays(opened: BinaryIO) -> dict[str, Any] | None:
    """Return a file's arrays by name; None of one array, which has none."""
    found = np.load(opened, allow_pickle=False)
    return None if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
