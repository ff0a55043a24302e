"""Resume state: a session's state in one file, written asynchronously to the training, and the one before it."""

import contextlib
import hashlib
import io
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch

from resnet_lab.system import atomic

Flat: TypeAlias = dict[str, torch.Tensor]
_TENSOR = "tensor of"
"""Begins the tuple that stands for a tensor: its part, then offset, shape and strides in elements."""


def load_state(path: Path) -> dict[str, Any] | None:
    """Read a session's state, or None where there is none or its content is damaged: the run starts again."""
    if not path.exists():
        return None
    raw = path.read_bytes()
    digest, content = raw[:32], raw[32:]
    if hashlib.sha256(content).digest() != digest:
        return None
    # Onto the CPU first, so that a trial begun on a GPU can go on without one.
    loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    state: dict[str, Any] = _restored(loaded["state"], loaded["tensors"]) if "tensors" in loaded else loaded
    return state


@dataclass(slots=True)
class AsyncStateWriter:
    """Writes the states of one trial while its next epoch is trained: waiting for the disk takes no time from it."""

    path: Path
    every_s: float = 0.0
    """Seconds from one state that `is_due` to the next."""
    _due: float = 0.0
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "state-writer"))
    _writing: Future[None] | None = None

    @property
    def is_due(self) -> bool:
        """Whether it is time to save a state; the first one is due at once."""
        return time.monotonic() >= self._due

    def save(self, state: dict[str, Any]) -> None:
        """Copy a state and start writing it. Raises OSError where the one before could not be written."""
        self._due = time.monotonic() + self.every_s
        copy = _flatten(state)
        self.wait()
        self._writing = self._thread.submit(_write, self.path, *copy)

    def wait(self) -> None:
        """Wait until the last state is on the disk. Raises OSError where it could not be written."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None


@contextlib.contextmanager
def async_state_writer(path: Path, every_s: float = 0.0) -> Iterator[AsyncStateWriter]:
    """Write states to a file, one due every so many seconds.

    At the end of the block, whatever ends it, the last one saved is on the disk.
    """
    writer = AsyncStateWriter(path, every_s)
    with writer._thread:
        yield writer
    writer.wait()


def _write(path: Path, state: Any, tensors: Flat) -> None:
    buffer = io.BytesIO()
    torch.save({"state": state, "tensors": tensors}, buffer)
    content = buffer.getvalue()
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, earlier(path))
    atomic.write(path, hashlib.sha256(content).digest() + content)


def earlier(path: Path) -> Path:
    """Return where the state before the one at `path` is kept: if that one is damaged, it costs an epoch."""
    return path.with_name(f"{path.name}.1")


def _flatten(state: Any) -> tuple[Any, Flat]:
    """Return the state with a mark for each tensor, and the numbers of all of them end to end: a part for each type.

    torch.save takes 60 us for a tensor, and a network of 44 layers has 400 of them with its momenta.
    """
    parts: dict[str, list[torch.Tensor]] = {}
    sizes: dict[str, int] = {}

    def mark(node: Any) -> Any:
        if isinstance(node, torch.Tensor):
            tensor = _dense(node.detach())
            kind = f"{tensor.dtype} {tensor.device}"  # one copy from a GPU, not one for each tensor
            start = sizes.get(kind, 0)
            parts.setdefault(kind, []).append(tensor.as_strided((tensor.numel(),), (1,)))
            sizes[kind] = start + tensor.numel()
            return (_TENSOR, kind, start, tuple(tensor.shape), tensor.stride())
        if isinstance(node, dict):
            return {key: mark(value) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return type(node)(map(mark, node))
        return node

    marked = mark(state)
    return marked, {kind: torch.cat(tensors).cpu() for kind, tensors in parts.items()}


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor whose numbers lie side by side: itself, in either layout that we train in, or a copy."""
    whole = tensor.is_contiguous() or (tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last))
    return tensor if whole else tensor.contiguous()


def _restored(node: Any, tensors: Flat) -> Any:
    if isinstance(node, tuple) and node and node[0] == _TENSOR:
        _, kind, start, shape, stride = node
        size = torch.Size(shape).numel()
        return tensors[kind][start : start + size].clone().as_strided(shape, stride)
    if isinstance(node, dict):
        return {key: _restored(value, tensors) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_restored(each, tensors) for each in node)
    return node
