"""Worker settings: how a worker runs its trial; none changes the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resnet_lab.spec.choices import Kernels


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Execution settings of a worker. None changes more than rounding, so none is in the fingerprint."""

    data_dir: Path | None
    device: str
    environment: Mapping[str, Any]
    gpu: str = ""
    """The one GPU that the worker sees, as CUDA_VISIBLE_DEVICES names it: an index or a UUID. Empty: all there are."""
    deterministic: bool = False
    """Only algorithms that give equal bits in equal runs: see `resnet_lab.engine.precision.be_deterministic`."""
    compiled: bool = False
    """Train through torch.compile."""
    kernels: Kernels = Kernels.AUTO
    """What computes a step of training."""
    log_batches: bool = False
    """Record the training accuracy of each mini-batch: see `resnet_lab.trials.batch_record`."""
    log_test: bool = False
    """Record the test error after each epoch, for its curve."""


FAILED, KILLED_PROCESS, NO_ROOM = 3, 4, 74
"""Exit codes of a worker whose trial failed; after KILLED_PROCESS its process could not use the GPU any more;
without room for its failure.json a trial can say so by its code alone (EX_IOERR of sysexits.h)."""

START, STOP = "start", "stop"
"""Commands to a worker of several trials, each about one of them."""

GAIN = 1.05
"""What more trials at once on a GPU must bring to be worth their memory."""

MAX_PACKED_TRIALS = 16
"""Trials in one process. torch hands out 32 streams of a GPU in turn: half of them, taken once, are never shared."""
