"""The noise that modules draw in training from torch's global generators: dropout, stochastic depth."""

import contextlib
from collections.abc import Iterator

import torch

from resnet_lab.seeds import stream


@contextlib.contextmanager
def epoch_noise(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Make torch's global draws, on the CPU and the device, a function of (seed, epoch); the caller's are restored."""
    start = stream(seed, "noise", epoch).initial_seed()
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(gpus):
        # torch.manual_seed would also reseed every other GPU, which is not restored.
        torch.default_generator.manual_seed(start)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(start)
        yield
