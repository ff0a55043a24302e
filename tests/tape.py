"""A CUDA graph on a CPU: a step's operations are recorded once and run again over the same memory, without its Python.

As a graph, it freezes what Python decided and every number that Python passed, and it refuses what reads a number on
the host. A stand-in that calls the function again sees none of that.
"""

import contextlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_unflatten

from resnet_lab.engine.graph_capture import CaptureError

HOST = {"aten._local_scalar_dense.default", "aten.nonzero.default", "aten.equal.default", "aten.is_nonzero.default"}
"""Operations whose result the host waits for."""


def memory(tensor):
    return tensor.untyped_storage()._cdata


class Tape(TorchDispatchMode):
    """Records operations, with the tensors they take and make."""

    def __init__(self):
        super().__init__()
        self.operations, self.made, self.kept, self.alive = [], set(), {}, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # torch's
        name = str(function)
        if name in HOST:
            raise CaptureError(f"operation not permitted when stream is capturing: {name}")
        flat, shape = tree_flatten((args, kwargs or {}))
        flat = [each.detach() if isinstance(each, torch.Tensor) else each for each in flat]
        tensors = [each for each in flat if isinstance(each, torch.Tensor)]
        changes = function._schema.is_mutable or "batch_norm" in name  # its schema hides the statistics it writes
        if changes:
            self._keep(tensors)
        result = function(*args, **(kwargs or {}))
        inputs = {memory(each) for each in tensors}
        fresh = [
            (place, each.detach())
            for place, each in enumerate(tree_flatten(result)[0])
            if isinstance(each, torch.Tensor) and memory(each) not in inputs
        ]
        for _, each in fresh:
            self.made.add(memory(each))
            self.alive.append(each)
        if changes or fresh:
            self.operations.append((function, flat, shape, fresh))
        return result

    def _keep(self, tensors):
        """Keep what was there before: recording does not carry out."""
        for each in tensors:
            if memory(each) not in self.made and memory(each) not in self.kept:
                self.kept[memory(each)] = each, each.untyped_storage().clone()

    def undo(self):
        for each, before in self.kept.values():
            each.untyped_storage().copy_(before)

    @torch.no_grad()
    def replay(self):
        for function, flat, shape, fresh in self.operations:
            args, kwargs = tree_unflatten(flat, shape)
            results = tree_flatten(function(*args, **kwargs))[0]
            for place, mine in fresh:
                if results[place].data_ptr() != mine.data_ptr() and mine.numel():
                    mine.copy_(results[place])

    def names(self):
        """Return the operations' names in order."""
        return [str(function) for function, *_ in self.operations]


class TapeCapture:
    """A capture of the engine's that records on a tape; `tapes` has one for each."""

    def __init__(self):
        self.tapes = []

    def stream_context(self):
        return contextlib.nullcontext()

    def record(self, work, generator=None):
        del generator  # the operations hold it
        tape = Tape()
        try:
            with tape:
                work()
        finally:
            tape.undo()
        self.tapes.append(tape)
        return tape.replay
