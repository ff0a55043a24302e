"""The digits: scikit-learn's table, and where scikit-learn itself is asked."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from resnet_lab.data import digits


def rows(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Iterator[tuple[int, ...]]:
    return (tuple(image.ravel().tolist()) for image in pixels)


def test_the_table_is_that_of_scikit_learn() -> None:
    images, labels = load_digits(return_X_y=True)
    table = digits._table()
    np.testing.assert_array_equal(table[:, :64], images)
    np.testing.assert_array_equal(table[:, 64], labels)


def test_scikit_learn_is_asked_where_its_table_has_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = digits._table()
    monkeypatch.setattr(Path, "is_file", lambda _: False)
    np.testing.assert_array_equal(digits._table(), usual)


def test_greys_are_spread_over_a_byte_and_each_image_is_used_once() -> None:
    rest, test = digits.read()
    assert rest.pixels.shape == (1437, 8, 8, 1)
    assert test.pixels.shape == (360, 8, 8, 1)
    expected = [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]
    assert np.unique(np.concatenate([rest.pixels, test.pixels])).tolist() == expected
    images, _ = load_digits(return_X_y=True)
    scaled = np.round(images * 255 / 16).astype(np.uint8)
    assert sorted([*rows(rest.pixels), *rows(test.pixels)]) == sorted(rows(scaled))
    assert np.bincount(test.labels).min() > 20, "each class is tested"
