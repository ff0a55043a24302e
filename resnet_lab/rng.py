"""Random streams: every draw is a function of (seed, stream, keys); init, order and augmentation share none."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.utils._python_dispatch import TorchDispatchMode


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


class UnseededDrawError(RuntimeError):
    """A draw that takes no generator."""


class OwnDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own hook
    """Within this context what this thread draws comes from one generator, in place of torch's, which all share.

    Raises UnseededDrawError where an operation takes none.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._generator = generator

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Carry an operation out, a draw from the generator."""
        given = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded in func.tags and given.get("generator") is None:
            given["generator"] = self._generator
            func = _with_generator(func)
        return func(*args, **given)


def _with_generator(func: Any) -> Any:
    """Return the overload of an operation that takes a generator, and else the same arguments."""
    wanted = [argument.name for argument in func._schema.arguments if argument.name != "generator"]
    for each in (func, *(getattr(func.overloadpacket, name) for name in func.overloadpacket.overloads())):
        names = [argument.name for argument in each._schema.arguments]
        if "generator" in names and [name for name in names if name != "generator"] == wanted:
            return each
    raise UnseededDrawError(f"{func} takes no generator")


def draws_noise(model: nn.Module) -> bool:
    """Return whether a network in training draws from torch's generators."""
    return draws_from_dropout(model) or any(getattr(module, "drop_path", 0) > 0 for module in model.modules())


def draws_from_dropout(model: nn.Module) -> bool:
    """Return whether a network in training drops numbers or channels at random."""
    return any(isinstance(module, _DropoutNd) and module.p > 0 for module in model.modules())
