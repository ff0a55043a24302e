"""A step on fake CUDA tensors, without a GPU: no number of the device is read, and which kernels are dispatched.

Fake tensors have a device and no memory. The backward pass is left out here, gradients are given instead: autograd's
engine asks CUDA for the context of each node's device, in C++ and in either threading mode, and without a driver it
raises "hasPrimaryContext expects a valid device index" (torch 2.11 and 2.14; pytorch #92627). The tape of
test_captured.py has the whole step, on a CPU.
"""

from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from resnet_lab.engine import epoch_runner, precision
from resnet_lab.engine.graph_capture import NoCapture
from resnet_lab.engine.replayed.block_decisions import BlockDecisions
from resnet_lab.engine.session import Session
from resnet_lab.spec import Augmentation
from resnet_lab.spec.choices import Kernels
from resnet_lab.spec.fields import replace
from resnet_lab.trials.throughput import noise_images
from tests.specs import TINY

CUDA = torch.device("cuda", 0)


class Names(TorchDispatchMode):
    """Counts operations by their names."""

    def __init__(self):
        super().__init__()
        self.names = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # torch's
        name = str(function).rpartition(".")[0]
        self.names[name] += 1
        if name.startswith("aten._fused_"):  # an optimiser's own kernel on a GPU, which fake tensors do not know
            return None
        return function(*args, **(kwargs or {}))


def moved(module, device=None, memory_format=None):
    """In the place of nn.Module.to, which cannot exchange a fake tensor for one of another device."""
    for each in module.modules():
        for tensors in (each._parameters, each._buffers):
            for name, tensor in tensors.items():
                if tensor is None:
                    continue
                # Of a number that Python gave, a fake tensor would move the real one.
                there = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                if memory_format is not None and there.ndim == 4:
                    there = there.contiguous(memory_format=memory_format)
                kept = isinstance(tensor, nn.Parameter)
                tensors[name] = nn.Parameter(there, tensor.requires_grad) if kept else there
    return module


@pytest.fixture
def gpu(monkeypatch):
    """A machine that seems to have a GPU, as far as fake tensors ask."""
    monkeypatch.setattr(nn.Module, "to", moved)
    monkeypatch.setattr(precision, "_is_ampere", lambda _: True)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda *_: SimpleNamespace(synchronize=lambda: None))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    # Drawn on the host, before a step.
    monkeypatch.setattr(BlockDecisions, "draw", lambda self, _: torch.ones(self._steps, len(self._blocks)))
    make = epoch_runner.make_optimizer

    def without_comparisons(*arguments):
        # An optimiser that is made compares its rate with 0, once and before anything is captured.
        with monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, "__lt__", lambda *_: False)
            patch.setattr(torch.Tensor, "__ge__", lambda *_: True)
            return make(*arguments)

    monkeypatch.setattr(epoch_runner, "make_optimizer", without_comparisons)


def step(monkeypatch, switches, dtype):
    """Return the operations of a step but its backward pass, counted by name."""
    spec = replace(TINY, {**switches, "recipe.precision": dtype})
    with FakeTensorMode():
        session = Session(spec, noise_images(spec, CUDA, 4), CUDA, capture=NoCapture(), kernels=Kernels.TORCH)
        train_step = session.runner.train_step
        leaves = train_step.casts._copies if train_step.casts else []

        def backward(_):
            for parameter in [*train_step.parameters, *leaves]:
                parameter.grad = torch.empty_like(parameter)

        with monkeypatch.context() as patch, Names() as seen:
            patch.setattr(torch.Tensor, "backward", backward)
            session.runner.work()
            session.runner.work()  # an optimiser's second step takes another path than its first
    return seen.names


RATES = ("sgd", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "muon")


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    "switches",
    [
        *({"recipe.optimizer": each, "recipe.lr": 0.01} for each in RATES),
        *({"recipe.augmentation": each.value} for each in Augmentation),
        {"recipe.mixup": 0.4, "recipe.ema": 0.9, "recipe.label_smoothing": 0.1},
        {"model.block.drop_path": 0.5},
        {"recipe.effective_blocks": 2},
        {"model.block.branch_init": "fixup_authors", "model.block.norm": "none"},
    ],
    ids=lambda switches: "-".join(map(str, switches.values())),
)
def test_no_step_reads_a_number_of_the_device(monkeypatch, switches):
    assert step(monkeypatch, switches, "bf16")


@pytest.mark.usefixtures("gpu")
def test_a_number_that_is_read_would_be_noticed(monkeypatch):
    run = epoch_runner.TrainStep.run
    monkeypatch.setattr(epoch_runner.TrainStep, "run", lambda self, x, y: (float(x.sum()), run(self, x, y))[1])
    with pytest.raises(DataDependentOutputException):
        step(monkeypatch, {}, "fp32")


@pytest.mark.usefixtures("gpu")
def test_bf16_is_normalised_by_torchs_own_kernels_and_fp32_by_cudnns(monkeypatch):
    norms = {
        dtype: {name for name in step(monkeypatch, {}, dtype) if "batch_norm" in name} for dtype in ("bf16", "fp32")
    }
    assert norms == {"bf16": {"aten.native_batch_norm"}, "fp32": {"aten.cudnn_batch_norm"}}
