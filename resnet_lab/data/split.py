"""Splits into training and held-out images: the fixed one, others like it, and one by class."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray


def split_indices(total: int, val: int, split: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (train [total - val], val [val]): disjoint indices that together are 0 .. total-1.

    The indices are sorted by the SHA-256 of their decimal digits and the first `val` held out: a fixed
    shuffle that no version of Python, NumPy or torch can change. Both parts stay in that shuffled order: the
    first k training indices are a random sample, and a smaller k gives a subset of a larger one. A `split` above 0
    puts its own number before the digits, which makes it another draw of the same kind.
    """
    if not 0 <= val <= total:
        raise ValueError(f"cannot hold out {val} of {total} images")
    place = f"{split}/" if split else ""
    shuffled = np.array(sorted(range(total), key=lambda i: sha256(f"{place}{i}".encode()).digest()), dtype=np.int64)
    return shuffled[val:], shuffled[:val]


def stratified_order(labels: Sequence[int], names: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Return an order of images in which every stretch from the start holds each class in proportion.

    Within a class the images are sorted by the SHA-256 of seed and name: an added image leaves the others in order.
    """
    total, seen = Counter(labels), Counter[int]()
    digests = [sha256(f"{seed} {name}".encode()).digest() for name in names]
    place: dict[int, float] = {}
    for index in sorted(range(len(names)), key=digests.__getitem__):
        label = labels[index]
        place[index] = (seen[label] + 0.5) / total[label]
        seen[label] += 1
    return np.array(sorted(place, key=lambda index: (place[index], digests[index])), dtype=np.int64)
