"""Training throughput: FLOPs of a network, seconds per FLOP from a few steps, and images/s of concurrent trials."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch

from resnet_lab.data.catalog import info_of, shape_of, steps_per_epoch, train_images
from resnet_lab.data.images import ImageData, Images
from resnet_lab.engine.evaluate import evaluate
from resnet_lab.engine.graph_capture import GraphCapture
from resnet_lab.engine.precision import resolve_device
from resnet_lab.engine.session import Session
from resnet_lab.inspect.trace import trace
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Kernels
from resnet_lab.trials.gpu_streams import new_stream
from resnet_lab.trials.worker_settings import GAIN, MAX_PACKED_TRIALS


def forward_flops(spec: RunSpec) -> int:
    """Return the multiplications and additions of one image's forward pass, counted on the meta device."""
    shape = shape_of(spec)
    return trace(spec.model, channels=shape.channels, classes=shape.classes, size=shape.size).flops


STEPS = {"cpu": 3, "cuda": 100}
"""Steps that are timed; on a GPU the start of an epoch takes as long as many of them."""


def seconds_per_flop(spec: RunSpec, device: str, steps: int = 0) -> float:
    """Return the wall time of one training step on one thread, over the forward FLOPs of its images.

    Of `steps` steps, by default as many as the device needs.
    """
    resolved = resolve_device(device)
    steps = steps or STEPS[resolved.type]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        session = Session(spec, noise_images(spec, resolved, steps), resolved)
        session.run_steps(1)
        start = time.perf_counter()
        session.run_steps(steps)
        elapsed = time.perf_counter() - start
    finally:
        torch.set_num_threads(threads)
    return elapsed / (steps * spec.recipe.batch_size * forward_flops(spec))


def noise_images(spec: RunSpec, device: torch.device, batches: int) -> ImageData:
    """Return `batches` batches of noise in the shape of the run's images, for timing."""
    info = info_of(spec.data)
    shape = (spec.recipe.batch_size * batches, info.size, info.size, info.channels)
    images = Images(
        torch.randint(256, shape, dtype=torch.uint8, device=device),
        torch.randint(info.classes, shape[:1], device=device),
    )
    half = torch.full((info.channels,), 0.5, device=device)
    return ImageData(
        name=spec.data.name,
        train=images,
        val=images,
        test=images,
        mean=half,
        std=half,
        sha256="",
        classes=info.classes,
    )


BATCHES = 100  # of noise: an epoch long enough for its start not to count
SECONDS = 0.5
COUNTS = (1, 2, 3, 4, 6, 8, 12, MAX_PACKED_TRIALS)
"""Trials at once that are measured."""
PATIENCE = 2  # counts in a row that bring nothing end it


class ConcurrentSessions:
    """Sessions of one run, each in a thread of one process."""

    def __init__(
        self,
        spec: RunSpec,
        data: ImageData,
        device: torch.device,
        make_capture: Callable[[], GraphCapture | None] = lambda: None,
        **settings: Any,
    ) -> None:
        """`settings` are a session's: `compiled`, `kernels`."""
        self._spec, self._data, self._device, self._make_capture = spec, data, device, make_capture
        self._settings = settings
        self._sessions: list[Session] = []
        self._streams: list[torch.cuda.Stream | None] = []

    def rate(self, count: int, steps: int) -> float:
        """Return the training images/s of `count` sessions together over `steps` steps of each, warm.

        Each validates as many images as a run does in as many steps.
        """
        while len(self._sessions) < count:
            self._add()
        validated = _first(self._data.val, validated_in(self._spec, steps))
        start = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(partial(self._train, steps, validated), range(count)))
        return count * steps * self._spec.recipe.batch_size / (time.perf_counter() - start)

    def _add(self) -> None:
        """Add a session on a stream of its own, and capture its step while no other trains."""
        self._streams.append(new_stream(self._device))
        with torch.cuda.stream(self._streams[-1]):
            capture = self._make_capture()
            self._sessions.append(Session(self._spec, self._data, self._device, capture=capture, **self._settings))
        self._train(1, _first(self._data.val, 1), len(self._sessions) - 1)

    def _train(self, steps: int, validated: Images, index: int) -> None:
        session = self._sessions[index]
        with torch.cuda.stream(self._streams[index]):
            train_steps(steps, session)
            evaluate(session.network, validated, self._data, session.dtype)


def _first(images: Images, count: int) -> Images:
    return Images(images.pixels[:count], images.labels[:count])


def validated_in(spec: RunSpec, steps: int) -> int:
    """Return how many validation images go with so many steps of a run, at least one."""
    epochs = steps / steps_per_epoch(train_images(spec.data), spec.recipe.batch_size)
    return max(1, round(epochs * info_of(spec.data).val))


def train_steps(steps: int, session: Session) -> None:
    """Train `steps` steps, past the end of the images where need be; returns once the device is done."""
    stop = session.iteration + steps
    while session.iteration < stop:
        session.run_steps(stop - session.iteration)


def concurrent_throughput(
    spec: RunSpec, device: str, *, compiled: bool = False, kernels: Kernels = Kernels.AUTO
) -> dict[int, float]:
    """Measure, for a run on a device, images/s by the number of trials at once: COUNTS while more of them pay.

    Each number takes about half a second; it also ends where the memory does.
    """
    resolved = resolve_device(device)
    images = noise_images(spec, resolved, BATCHES)
    sessions = ConcurrentSessions(spec, images, resolved, compiled=compiled, kernels=kernels)
    steps = max(8, round(SECONDS * sessions.rate(1, 8) / spec.recipe.batch_size))
    rates: dict[int, float] = {}
    idle = 0
    for count in COUNTS:
        try:
            rate = sessions.rate(count, max(8, steps // count))
        except torch.OutOfMemoryError:
            break
        idle = 0 if rate >= GAIN * max(rates.values(), default=0.0) else idle + 1
        rates[count] = rate
        if idle == PATIENCE:
            break
    return rates
