"""Random streams: every draw is a function of (seed, stream, keys); init, order and augmentation share none."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator

import torch
from torch import Tensor, nn
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


class NoiseByStep:
    """`epoch_noise` for a step at a time: between two steps other threads may draw, build and capture."""

    def __init__(self, seed: int, epoch: int, device: torch.device) -> None:
        self._start = noise_seed(seed, epoch)
        self._gpus = [device] if device.type == "cuda" else []
        self._states: list[Tensor] | None = None

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Make torch's global draws go on where the last step's ended; the caller's state is restored."""
        with GLOBAL_RNG_LOCK, torch.random.fork_rng(self._gpus):
            if self._states is None:
                torch.default_generator.manual_seed(self._start)
                for gpu in self._gpus:
                    with torch.cuda.device(gpu):
                        torch.cuda.manual_seed(self._start)
            else:
                torch.set_rng_state(self._states[0])
                for gpu, state in zip(self._gpus, self._states[1:], strict=True):
                    torch.cuda.set_rng_state(state, gpu)
            yield
            self._states = [torch.get_rng_state(), *(torch.cuda.get_rng_state(gpu) for gpu in self._gpus)]


def draws_noise(model: nn.Module) -> bool:
    """Return whether a network in training draws from torch's generators."""
    return draws_from_dropout(model) or any(getattr(module, "drop_path", 0) > 0 for module in model.modules())


def draws_from_dropout(model: nn.Module) -> bool:
    """Return whether a network in training drops numbers or channels at random."""
    return any(isinstance(module, _DropoutNd) and module.p > 0 for module in model.modules())
