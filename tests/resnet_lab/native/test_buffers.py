"""Buffers share memory only where one is dead before the other is born."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from resnet_lab.native.buffers import LINE, Buffer, allocate


@given(
    sizes=st.lists(st.integers(1, 100), min_size=1, max_size=12),
    steps=st.lists(st.lists(st.integers(0, 11), max_size=4), max_size=12),
    pinned=st.sets(st.integers(0, 11)),
)
def test_buffers_alive_together_never_overlap(sizes, steps, pinned):
    buffers = [Buffer(size, torch.float32, pinned=index in pinned) for index, size in enumerate(sizes)]
    uses = [[buffers[i % len(buffers)] for i in step] for step in steps]
    allocate(uses)
    used = {id(b): b for step in uses for b in step}.values()
    spans = {id(b): [i for i, step in enumerate(uses) if b in step] for b in used}
    for a in used:
        assert a.address % LINE == 0
        assert a.memory is not None
        assert a.memory.numel() == a.count
        for b in used:
            if a is b:
                continue
            apart = a.address + a.size <= b.address or b.address + b.size <= a.address
            after = not (a.pinned or b.pinned) and spans[id(a)][-1] < spans[id(b)][0]
            before = not (a.pinned or b.pinned) and spans[id(b)][-1] < spans[id(a)][0]
            assert apart or after or before


def test_a_chunk_is_handed_on_to_the_next_of_its_size():
    first, second, third = (Buffer(10, torch.float32) for _ in range(3))
    allocate([[first, second], [second, third]])
    assert third.address == first.address != second.address
