"""Random streams: every draw is a function of (seed, stream, keys); init, order and augmentation share none."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd


def stream(seed: int, name: str, *keys: int | str) -> torch.Generator:
    """Return a CPU generator that is a pure function of its arguments.

    `name` is the stream ("init", "order", "augmentation"); `keys` narrow it down, such as the epoch or a
    parameter's name and shape.
    """
    text = "/".join(map(str, (seed, name, *keys)))
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))


def noise_seed(seed: int, epoch: int) -> int:
    """Return the seed of what a network draws in an epoch of training."""
    return stream(seed, "noise", epoch).initial_seed()


# torch's generators, and the capture of a graph, which resets what the generators hand to graphs, exist once per
# process. Trials packed into one are serialised on them.
GLOBAL_RNG_LOCK = threading.RLock()


@contextlib.contextmanager
def epoch_noise(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Make torch's global draws, on the CPU and the device, a function of (seed, epoch); the caller's are restored.

    Serialised across threads.
    """
    start = noise_seed(seed, epoch)
    gpus = [device] if device.type == "cuda" else []
    with GLOBAL_RNG_LOCK, torch.random.fork_rng(gpus):
        # torch.manual_seed would also reseed every other GPU, which is not restored.
        torch.default_generator.manual_seed(start)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(start)
        yield


def draws_noise(model: nn.Module) -> bool:
    """Return whether a network in training draws from torch's generators."""
    return draws_from_dropout(model) or any(getattr(module, "drop_path", 0) > 0 for module in model.modules())


def draws_from_dropout(model: nn.Module) -> bool:
    """Return whether a network in training drops numbers or channels at random."""
    return any(isinstance(module, _DropoutNd) and module.p > 0 for module in model.modules())
