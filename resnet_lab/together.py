"""How much faster several trials train at once than one: measured, on noise of the images' shape."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch

from resnet_lab.data.images import ImageData
from resnet_lab.engine import Session
from resnet_lab.launcher import MOST
from resnet_lab.precision import resolve_device
from resnet_lab.recorder import Recorder
from resnet_lab.spec import RunSpec
from resnet_lab.streams import new_stream
from resnet_lab.throughput import noise_images

BATCHES = 100  # of noise: an epoch long enough for its start not to count
GAIN = 1.05  # what doubling must bring to be worth the memory
SECONDS = 0.5


class Together:
    """Sessions of one run, in threads of one process."""

    def __init__(
        self,
        spec: RunSpec,
        data: ImageData,
        device: torch.device,
        make_recorder: Callable[[], Recorder | None] = lambda: None,
    ) -> None:
        self._spec, self._data, self._device, self._make_recorder = spec, data, device, make_recorder
        self._sessions: list[Session] = []
        self._streams: list[torch.cuda.Stream | None] = []

    def rate(self, count: int, steps: int) -> float:
        """Return the images/s of `count` sessions together over so many steps of each, warm."""
        while len(self._sessions) < count:
            self._add()
        start = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(partial(self._train, steps), range(count)))
        return count * steps * self._spec.recipe.batch_size / (time.perf_counter() - start)

    def _add(self) -> None:
        """Add a session on a stream of its own, and capture its step while no other trains."""
        self._streams.append(new_stream(self._device))
        with torch.cuda.stream(self._streams[-1]):
            self._sessions.append(Session(self._spec, self._data, self._device, recorder=self._make_recorder()))
        self._train(1, len(self._sessions) - 1)

    def _train(self, steps: int, index: int) -> None:
        with torch.cuda.stream(self._streams[index]):
            train_steps(steps, self._sessions[index])


def train_steps(steps: int, session: Session) -> None:
    """Train so many steps, over the end of the images where need be; returns once the device is done."""
    stop = session.iteration + steps
    while session.iteration < stop:
        session.run_steps(stop - session.iteration)


def rates(question: tuple[RunSpec, str]) -> dict[int, float]:
    """Measure, for a run on a device, images/s by the number of trials at once: 1, 2, 4, ... while doubling pays.

    Each number takes about as long, some half a second; memory that ends is an answer too.
    """
    spec, name = question
    device = resolve_device(name)
    together = Together(spec, noise_images(spec, device, BATCHES), device)
    steps = max(8, round(SECONDS * together.rate(1, 8) / spec.recipe.batch_size))
    found: dict[int, float] = {}
    count = 1
    while count <= MOST:
        try:
            found[count] = together.rate(count, max(8, steps // count))
        except torch.OutOfMemoryError:
            break
        if count > 1 and found[count] < GAIN * found[count // 2]:
            break
        count *= 2
    return found


def best_count(found: Mapping[int, float]) -> int:
    """Return the fewest trials at once whose rate is the best one's, or near it."""
    return min(count for count, rate in found.items() if GAIN * rate >= max(found.values()))
