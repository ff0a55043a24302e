"""How long training takes here: FLOPs of a network, and seconds per FLOP from a few real steps."""

import time

import torch

from resnet_lab.data.catalog import CATALOG
from resnet_lab.data.images import ImageData, Images
from resnet_lab.engine import Session
from resnet_lab.inspect.trace import trace
from resnet_lab.precision import resolve_device
from resnet_lab.spec import RunSpec


def forward_flops(spec: RunSpec) -> int:
    """Return the multiplications and additions of one image's forward pass, counted on the meta device."""
    info = CATALOG[spec.data.name]
    return trace(spec.model, channels=info.channels, classes=info.classes, size=info.size).flops


def seconds_per_flop(spec: RunSpec, device: str, steps: int = 3) -> float:
    """Return the wall time of one training step on one thread, over the forward FLOPs of its images."""
    where = resolve_device(device)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        session = Session(spec, noise_images(spec, where, steps), where)
        session.run_steps(1)
        start = time.perf_counter()
        session.run_steps(steps)
        elapsed = time.perf_counter() - start
    finally:
        torch.set_num_threads(threads)
    return elapsed / (steps * spec.recipe.batch_size * forward_flops(spec))


def noise_images(spec: RunSpec, device: torch.device, batches: int) -> ImageData:
    """Return noise of the shape of the run's images, so many batches of it, for timing."""
    info = CATALOG[spec.data.name]
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
