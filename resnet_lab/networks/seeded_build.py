"""Seeded build: the draws torch makes as it builds a network, a function of the seed even where other threads draw."""

import contextlib
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from resnet_lab.networks.build import build_network
from resnet_lab.rng import GLOBAL_RNG_LOCK
from resnet_lab.spec import RunSpec


def build_from_seed(spec: RunSpec, *, channels: int, classes: int, size: int, alone: bool) -> nn.Module:
    """Return a run's network before it is initialised, with all that torch draws as it builds a function of the seed.

    Parts of one's own that `initialise` does not know keep those draws. `alone` says that this process trains nothing
    else: its generator can be seeded, and the caller's state comes back. Else no thread waits for another.
    """

    def build() -> nn.Module:
        return build_network(spec.model, channels=channels, classes=classes, size=size)

    if not alone:
        with contextlib.suppress(UnseededDrawError), OwnDraws(torch.Generator().manual_seed(spec.seed)):
            return build()
    with GLOBAL_RNG_LOCK, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(spec.seed)
        return build()


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
