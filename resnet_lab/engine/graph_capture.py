"""Graph capture: a step recorded once and replayed as a CUDA graph, or a stand-in that calls the same function."""

import contextlib
import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import torch

from resnet_lab.rng import GLOBAL_RNG_LOCK

Work = Callable[[], None]


class CaptureError(RuntimeError):
    """The work cannot be captured. Nothing of it was carried out, and the process can go on."""


class GraphCapture(Protocol):
    """Records work on tensors that stay in place. Recording does not carry it out."""

    def stream_context(self) -> AbstractContextManager[None]:
        """Return the context in which work is warmed up, recorded, given its inputs and replayed, in that order."""

    def record(self, work: Work, generator: torch.Generator | None = None) -> Work:
        """Return what replays the work, on the same memory each time. Raises CaptureError.

        `generator` is what the work draws from, where it draws.
        """


class NoCapture:
    """A stand-in that replays by calling the function: the captured engine's functions without a GPU."""

    def stream_context(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def record(self, work: Work, generator: torch.Generator | None = None) -> Work:  # noqa: ARG002  # the protocol's
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

    def record(self, work: Work, generator: torch.Generator | None = None) -> Work:
        graph = torch.cuda.CUDAGraph()
        if generator is not None:
            graph.register_generator_state(generator)
        # One capture at a time in a process. torch.cuda.graph would wait for the whole device first and empty the
        # allocator's cache, under the neighbours of this trial.
        with GLOBAL_RNG_LOCK, _no_collection():
            try:
                _capture(graph, work)
            except torch.OutOfMemoryError:
                self._abandon(graph)
                raise
            except Exception as error:
                self._abandon(graph)
                self._stream.synchronize()  # raises where the device itself has failed: nothing can go on there
                raise CaptureError(str(error).strip().partition("\n")[0] or type(error).__name__) from error
        return graph.replay

    def _abandon(self, graph: torch.cuda.CUDAGraph) -> None:
        """Leave the process as it was before a capture that failed.

        torch 2.11 does not do so itself: its generator believes in the capture until another one ends, and its
        allocator keeps a pointer into the graph, which is therefore kept.
        """
        _ABANDONED.append(graph)
        with contextlib.suppress(RuntimeError):
            graph.capture_end()
        with contextlib.suppress(RuntimeError):
            number = torch.zeros(1, device=self._device)
            _capture(torch.cuda.CUDAGraph(), lambda: number.add_(1))


_ABANDONED: list[torch.cuda.CUDAGraph] = []


def _capture(graph: torch.cuda.CUDAGraph, work: Callable[[], object]) -> None:
    """Capture work on the current stream. Other threads go on launching: only this one is held to what a graph can."""
    graph.capture_begin(capture_error_mode="thread_local")
    work()
    graph.capture_end()


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
