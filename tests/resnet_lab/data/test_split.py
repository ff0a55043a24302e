"""The fixed split: pinned, disjoint, complete."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_lab.data.split import split_indices


def test_the_cifar_split_never_changes() -> None:
    train, val = split_indices(50_000, 5_000)
    assert (len(train), len(val)) == (45_000, 5_000)
    assert val[:4].tolist() == [21244, 20069, 1039, 3633]
    both = np.concatenate([train, val]).astype("<i8").tobytes()
    assert sha256(both).hexdigest() == "fe0caf5665e1098bc66895aa6b93a65716b673fc9c6ef2c376a57c82d9ba404d"


@given(st.integers(0, 300), st.data())
def test_the_parts_are_disjoint_and_complete(total: int, data: st.DataObject) -> None:
    val_size = data.draw(st.integers(0, total))
    train, val = split_indices(total, val_size)
    assert len(val) == val_size
    assert sorted([*train, *val]) == list(range(total))


def test_the_held_out_images_are_spread_over_the_files() -> None:
    _, val = split_indices(50_000, 5_000)
    per_file = np.bincount(val // 10_000, minlength=5)
    assert (abs(per_file - 1000) < 4 * np.sqrt(1000 * 0.8)).all()


def test_holding_out_more_than_there_is_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold out 4 of 3"):
        split_indices(3, 4)


@given(st.integers(1, 300), st.integers(1, 50), st.data())
def test_another_split_is_another_draw_of_the_same_kind(total: int, split: int, data: st.DataObject) -> None:
    val_size = data.draw(st.integers(0, total))
    train, val = split_indices(total, val_size, split)
    assert len(val) == val_size
    assert sorted([*train, *val]) == list(range(total))


def test_two_splits_share_as_many_held_out_images_as_chance_has_it() -> None:
    held_out = [set(split_indices(50_000, 5_000, split)[1].tolist()) for split in range(4)]
    shared = [len(one & other) for i, one in enumerate(held_out) for other in held_out[:i]]
    assert all(abs(count - 500) < 4 * (500 * 0.9 * 0.9) ** 0.5 for count in shared)
