"""One stream of the GPU for each trial that trains at the same time in a process."""

import contextlib
import queue
from collections.abc import Iterator

import torch

from resnet_lab.launcher import MOST


class Streams:
    """Lends streams of a GPU, each to one thread at a time; on a CPU there are none and nothing happens."""

    def __init__(self, device: torch.device, count: int = MOST) -> None:
        self._free: queue.SimpleQueue[torch.cuda.Stream] = queue.SimpleQueue()
        self._device = device
        for _ in range(count if device.type == "cuda" else 0):
            self._free.put(torch.cuda.Stream(device))  # type: ignore[no-untyped-call]  # in no stub

    @contextlib.contextmanager
    def lend(self) -> Iterator[None]:
        """Make a stream the thread's current one, waiting until one is free."""
        if self._device.type != "cuda":
            yield
            return
        stream = self._free.get()
        try:
            with torch.cuda.stream(stream):
                yield
            stream.synchronize()
        finally:
            self._free.put(stream)
