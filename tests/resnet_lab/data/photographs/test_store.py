"""Store: arrays are made once, mapped and verified; damage is mended; a cache that cannot be written does no harm."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from resnet_lab.data.photographs.store import digest_of, key_of, stored

SHAPE = (2, 3)


class Maker:
    """Counts how often the array is made."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> tuple[Iterator[NDArray[np.uint8]], dict[str, Any]]:
        self.count += 1
        return (np.full(SHAPE, row, dtype=np.uint8) for row in range(5)), {"told": "why"}


def test_an_array_is_made_once_and_mapped_afterwards(cache: Path) -> None:
    maker = Maker()
    first, again = (stored("k", SHAPE, maker) for _ in range(2))
    assert maker.count == 1
    assert isinstance(again.pixels, np.memmap)
    assert again.notes == first.notes == {"told": "why"}
    assert again.pixels[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(np.load(cache / "k.npy"), again.pixels), "numpy reads the file as its own"


def test_writing_to_a_mapped_array_leaves_the_store_as_it_was() -> None:
    maker = Maker()
    stored("k", SHAPE, maker).pixels[:] = 9
    assert stored("k", SHAPE, maker).pixels.max() == 4
    assert maker.count == 1


@pytest.mark.parametrize("name", ["k.npy", "k.json"])
def test_damage_is_found_said_and_mended(name: str, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maker = Maker()
    stored("k", SHAPE, maker)
    content = bytearray((cache / name).read_bytes())
    content[-10] ^= 1
    (cache / name).write_bytes(content)
    assert digest_of(stored("k", SHAPE, maker).pixels) == digest_of(np.load(cache / "k.npy"))
    assert maker.count == 2
    assert "k.npy is not what was written" in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_leaves_the_array_in_memory(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    found = stored("k", SHAPE, Maker())
    assert found.pixels[:, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_no_rows_are_an_empty_array() -> None:
    assert stored("k", SHAPE, lambda: (iter(()), {})).pixels.shape == (0, *SHAPE)


def test_a_key_is_of_its_parts_alone() -> None:
    assert key_of(1, "a", [("x", "y")]) == key_of(1, "a", [("x", "y")]) != key_of(1, "a", [("x", "z")])
