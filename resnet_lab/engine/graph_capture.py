"""Graph capture: a step recorded once and replayed as a CUDA graph, or a stand-in that calls the same function."""

import contextlib
import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import torch

from resnet_lab.rng import GLOBAL_RNG_LOCK

Work = Callable[[], None]


class GraphCapture(Protocol):
    """Records work on tensors that stay in place. Recording does not carry it out."""

    def stream_context(self) -> AbstractContextManager[None]:
        """Return the context in which work is warmed up, recorded, given its inputs and replayed, in that order."""

    def record(self, work: Work) -> Work:
        """Return what replays the work, on the same memory each time."""


class NoCapture:
    """A stand-in that replays by calling the function: the captured engine's functions without a GPU."""

    def stream_context(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def record(self, work: Work) -> Work:
        return work


class CudaGraphCapture:
    """Records into a torch.cuda.CUDAGraph on one stream, and replays it there.

    The stream is the current one where that is not the device's default, which cannot be captured, else a new one.
    Warm-up, capture and replay share it, as torch asks of autograd's accumulation nodes. Each graph keeps a memory pool
    of its own, so graphs on different streams may run at once (docs.pytorch.org/docs/stable/notes/cuda.html).
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        current = torch.cuda.current_stream(device)
        default = current == torch.cuda.default_stream(device)
        self._stream = torch.cuda.Stream(device) if default else current  # type: ignore[no-untyped-call]  # in no stub

    @contextlib.contextmanager
    def stream_context(self) -> Iterator[None]:
        outside = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(outside)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            outside.wait_stream(self._stream)

    def record(self, work: Work) -> Work:
        graph = torch.cuda.CUDAGraph()
        # One capture at a time in a process. Other threads may go on launching: "thread_local" forbids only this one
        # what a capture cannot hold.
        with (
            GLOBAL_RNG_LOCK,
            _no_collection(),
            torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
        ):
            work()
        return graph.replay


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from finding a dead graph or event in a cycle just now: freeing one would end the capture."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
