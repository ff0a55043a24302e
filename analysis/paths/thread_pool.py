"""Thread pool for independent slices of gradients: one thread per core, with none of torch's own inside.

Torch's threads meet after every operation, so that one of them waiting for a core, which another program has, stops
all. Threads that each take a whole slice through a block meet only now and then.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

SLICES_PER_WORKER = 4
"""Slices in a batch per worker: their results are held until all of the batch are computed."""


class Workers:
    """Maps a function over slices. The results do not depend on how many workers there are."""

    def __init__(self, pool: ThreadPoolExecutor | None, count: int) -> None:
        self._pool, self._count = pool, count

    def map_in_batches(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result]]:
        """Yield each item with its result, in order; of one batch all are computed before the first is yielded."""
        size = SLICES_PER_WORKER * self._count if self._pool else 1
        for start in range(0, len(items), size):
            part = items[start : start + size]
            results = list(self._pool.map(function, part)) if self._pool else [function(part[0])]
            yield from zip(part, results, strict=True)


@contextmanager
def workers(device: torch.device) -> Iterator[Workers]:
    """Start as many workers as torch has threads on the CPU; a GPU needs none."""
    count = torch.get_num_threads() if device.type == "cpu" else 1
    if count == 1:
        yield Workers(None, 1)
        return
    try:
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield Workers(pool, count)
    finally:
        torch.set_num_threads(count)  # each worker's own number is also the default of threads to come
