"""Fused kernels on a CPU: in Triton's interpreter they compute what float64 does, and they compile for a GPU.

The interpreter takes what a GPU's compiler refuses. It is chosen where the kernels are first imported, so it runs in a
process of its own.
"""

import importlib
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from resnet_lab.fused.function import ACTIVATIONS, Add, norm_act_add

triton = pytest.importorskip("triton", reason="Triton comes with torch's build for CUDA")


def test_the_kernels_compute_what_torch_does_in_every_layout():
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.resnet_lab.fused.interpreted"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    print(done.stdout)


class Driver:
    """What Triton asks a driver for as it compiles. No GPU is needed: its own assembler is in the package."""

    def __init__(self, capability):
        compiler = importlib.import_module("triton.backends.compiler")
        self.target = compiler.GPUTarget("cuda", capability, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device=None):  # noqa: ARG002  # the driver's
        return 0

    def get_current_target(self):
        return self.target


class Compiled:
    """A kernel that is compiled for what it is launched with, as on a GPU, and not run."""

    def __init__(self, kernel, made):
        self.kernel, self.made = kernel, made

    def __getitem__(self, grid):
        def launch(*arguments, **constants):
            compiled = self.kernel.warmup(*arguments, grid=grid, **constants)
            self.made.append((self.kernel.fn.__name__, len(compiled.asm["cubin"])))

        return launch


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """Choose a card; returns the names of the kernels that are launched from then on, and the bytes of their code."""
    from resnet_lab.fused import kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    made = []
    for name in ("moments", "normalise", "sums", "gradients"):
        monkeypatch.setattr(kernels, name, Compiled(getattr(kernels, name), made))
    return lambda capability: monkeypatch.setattr(triton.runtime.driver, "_active", Driver(capability)) or made


MANY = (128, 16, 32, 32)
FEW = (4, 64, 2, 2)
"""Few rows: one part, one step, which Triton compiles as constants."""


@pytest.mark.parametrize(
    ("dtype", "activation", "add", "shape", "capability"),
    [
        (torch.bfloat16, nn.ReLU(), Add.BEFORE, MANY, 90),
        *(
            pytest.param(dtype, activation, add, shape, capability, marks=pytest.mark.slow)
            for dtype, capability in ((torch.bfloat16, 80), (torch.float32, 90))
            for activation, add, shape in [
                *((each(), Add.FIRST, MANY) for each in ACTIVATIONS),
                *((None, add, FEW) for add in Add),
            ]
        ),
    ],
    ids=str,
)
def test_the_kernels_compile_for_a_gpu(compiled, dtype, activation, add, shape, capability):
    made = compiled(capability)
    x = torch.empty(shape, dtype=dtype, device="meta").contiguous(memory_format=torch.channels_last).requires_grad_()
    norm = nn.BatchNorm2d(shape[1], device="meta")
    added = None if add == Add.NOWHERE else torch.empty_like(x)
    norm_act_add(x, norm, activation, added, add).sum().backward()
    assert [name for name, _ in made] == ["moments", "normalise", "sums", "gradients"]
    assert min(size for _, size in made) > 1000
