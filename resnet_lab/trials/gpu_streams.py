"""GPU streams: one for each trial that trains at the same time in a process."""

import contextlib
import queue
from collections.abc import Iterator

import torch

from resnet_lab.trials.worker_settings import MAX_PACKED_TRIALS


def new_stream(device: torch.device) -> torch.cuda.Stream | None:
    """Return a stream of a GPU; on a CPU None, for which `torch.cuda.stream` changes nothing."""
    return torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]  # in no stub


class StreamPool:
    """A pool of a GPU's streams, each used by one thread at a time."""

    def __init__(self, device: torch.device, count: int = MAX_PACKED_TRIALS) -> None:
        self._free: queue.SimpleQueue[torch.cuda.Stream | None] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(new_stream(device))

    @contextlib.contextmanager
    def acquire(self) -> Iterator[None]:
        """Make a stream the thread's current one, waiting until one is free."""
        stream = self._free.get()
        try:
            with torch.cuda.stream(stream):
                yield
            if stream is not None:
                stream.synchronize()
        finally:
            self._free.put(stream)
