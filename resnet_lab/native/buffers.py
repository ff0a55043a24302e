"""Memory of a program: one allocation, shared by buffers that are not in use at the same time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

LINE = 64  # bytes of a cache line


@dataclass(eq=False, slots=True)
class Buffer:
    """`count` numbers of one type; where they lie is settled once the whole program is known."""

    count: int
    dtype: torch.dtype
    pinned: bool = False
    """Its memory is its own: its content lasts from one run of the program to the next."""
    memory: torch.Tensor | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Bytes, rounded up to whole cache lines."""
        return -(-self.count * self.dtype.itemsize // LINE) * LINE

    @property
    def address(self) -> int:
        assert self.memory is not None
        return self.memory.data_ptr()

    def view(self, *shape: int) -> torch.Tensor:
        """Return the content as a tensor over the same memory."""
        assert self.memory is not None
        return self.memory.view(shape)


def allocate(uses: Sequence[Sequence[Buffer]]) -> None:
    """Give every buffer its memory; `uses[i]` are the buffers that step i of the program reads or writes.

    Two buffers share memory where one is dead before the other is born. The layers of a network are alike, so a chunk
    is handed on to the next of its size.
    """
    last = {id(buffer): step for step, buffers in enumerate(uses) for buffer in buffers}
    free: dict[int, list[int]] = defaultdict(list)
    offsets: dict[int, int] = {}
    known: dict[int, Buffer] = {}
    end = 0
    for step, buffers in enumerate(uses):
        for buffer in buffers:
            if id(buffer) in offsets:
                continue
            known[id(buffer)] = buffer
            if free[buffer.size] and not buffer.pinned:
                offsets[id(buffer)] = free[buffer.size].pop()
            else:
                offsets[id(buffer)] = end
                end += buffer.size
        for buffer in {id(each): each for each in buffers}.values():
            if last[id(buffer)] == step and not buffer.pinned:
                free[buffer.size].append(offsets[id(buffer)])
    with torch.inference_mode(False):  # an evaluation may be what first asks for it
        arena = torch.empty(end + LINE, dtype=torch.uint8)
    start = -arena.data_ptr() % LINE
    for key, buffer in known.items():
        first = start + offsets[key]
        chunk = arena[first : first + buffer.count * buffer.dtype.itemsize]
        buffer.memory = chunk.view(buffer.dtype)
