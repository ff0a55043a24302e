"""Fused kernels in Triton's interpreter, on a CPU: outputs, gradients and statistics are those of float64.

The interpreter is chosen where the kernels are first imported, so this runs in a process of its own.
"""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="Triton comes with torch's build for CUDA")


def test_the_kernels_compute_what_torch_does_in_every_layout():
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.resnet_lab.fused.interpreted"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    print(done.stdout)
