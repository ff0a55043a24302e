"""The 1797 handwritten digits of 8x8 pixels inside scikit-learn (UCI, Optical Recognition of Digits)."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resnet_lab.data.catalog import CATALOG
from resnet_lab.data.raw import RawImages
from resnet_lab.data.split import split_indices
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName


def read() -> tuple[RawImages, RawImages]:
    """Return (training and validation images, test images), [N, 8, 8, 1]; greys 0..16 become 0..255."""
    table = _table()
    levels, labels = table[:, :64].reshape(-1, 8, 8, 1), table[:, 64].astype(np.int64)
    pixels = np.round(levels * 255 / 16).astype(np.uint8)
    rest, test = split_indices(len(pixels), CATALOG[DatasetName.DIGITS].test)
    return RawImages(pixels[rest], labels[rest]), RawImages(pixels[test], labels[test])


def verify() -> None:
    """Raise UserError unless the table of the installed package is the known one."""
    _table()


SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"
"""Of the table of all digits as bytes, row by row."""


def _table() -> NDArray[np.float64]:
    """Return [1797, 65]: 64 grey levels and the label, equal to what `sklearn.datasets.load_digits` gives.

    Raises UserError where it is another table.
    """
    table = _installed_table()
    if hashlib.sha256(np.ascontiguousarray(table, dtype=np.uint8).tobytes()).hexdigest() != SHA256:
        raise UserError("the digits in scikit-learn's datasets/data were altered: install scikit-learn again")
    return table


def _installed_table() -> NDArray[np.float64]:
    """Return the table as it is installed.

    Importing scikit-learn costs each trial more than a second; reading the table it ships costs 10 ms. Where
    that file is not found, scikit-learn is asked.
    """
    spec = find_spec("sklearn")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return _parsed(path).copy()
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return np.column_stack([images, labels])


@cache  # 30 ms: as much as a short run's epoch, and its digest is checked at every use
def _parsed(path: Path) -> NDArray[np.float64]:
    return np.loadtxt(path, delimiter=",")
