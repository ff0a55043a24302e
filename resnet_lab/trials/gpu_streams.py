"""GPU streams: one for each trial that trains at the same time in a process, and the session captured there last."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from resnet_lab.data.images import ImageData
from resnet_lab.engine.session import Session
from resnet_lab.spec import RunSpec
from resnet_lab.trials.worker_settings import MAX_PACKED_TRIALS, WorkerSettings


def new_stream(device: torch.device) -> torch.cuda.Stream | None:
    """Return a stream of a GPU; on a CPU None, for which `torch.cuda.stream` changes nothing."""
    return torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]  # in no stub


@dataclass(slots=True, eq=False)
class Seat:
    """A stream, and the last session there: one of the same arm's next seed is spared the capture."""

    stream: torch.cuda.Stream | None
    session: Session | None = None

    def make_session(self, spec: RunSpec, data: ImageData, device: torch.device, settings: WorkerSettings) -> Session:
        """Return a session of a run at its start, this one's restarted where it can be. The settings never change."""
        if self.session is not None and self.session.can_become(spec, data):
            self.session.restart(spec)
        else:
            self.clear()
            self.session = Session(spec, data, device, compiled=settings.compiled, kernels=settings.kernels)
        return self.session

    def suits(self, spec: RunSpec) -> bool:
        """Return whether the session here may be restarted as a run's."""
        return self.session is not None and self.session.can_become(spec, self.session.data)

    def clear(self) -> None:
        """Let go of the session and its graph, before another is captured on this stream."""
        session, self.session = self.session, None
        if session is not None:
            with contextlib.suppress(RuntimeError):  # the device may have failed: whoever needs it finds out
                session.close()


class StreamPool:
    """A pool of a GPU's streams, each used by one thread at a time.

    No more of them hold a session than trials ever ran at once.
    """

    def __init__(self, device: torch.device, count: int = MAX_PACKED_TRIALS) -> None:
        self._free = [Seat(new_stream(device)) for _ in range(count)]
        self._change = threading.Condition()

    @contextlib.contextmanager
    def acquire(self, spec: RunSpec | None = None) -> Iterator[Seat]:
        """Make a stream the thread's current one, waiting until one is free; if possible one that suits a run."""
        seat = self._take(spec)
        try:
            with torch.cuda.stream(seat.stream):
                yield seat
            if seat.stream is not None:
                seat.stream.synchronize()
        except BaseException:
            seat.clear()
            raise
        finally:
            with self._change:
                self._free.append(seat)
                self._change.notify()

    def clear(self) -> None:
        """Let go of the sessions of all streams that are free: what they hold may be what a trial lacks."""
        with self._change:
            for seat in self._free:
                seat.clear()

    def _take(self, spec: RunSpec | None) -> Seat:
        with self._change:
            self._change.wait_for(lambda: self._free)
            best = max(self._free, key=lambda seat: (spec is not None and seat.suits(spec), seat.session is not None))
            self._free.remove(best)
            return best
