"""What a worker is told of its trial beside the spec."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a worker is told beside the spec. None of it changes more than rounding, so none is in the fingerprint."""

    data_dir: Path | None
    device: str
    environment: Mapping[str, Any]
    deterministic: bool = False
    """Only algorithms that repeat themselves to the bit: see `resnet_lab.engine.precision.be_deterministic`."""
    compiled: bool = False
    """Train through torch.compile."""


START, STOP = "start", "stop"
"""What a worker of several trials is told to do with one."""


MAX_PACKED_TRIALS = 16
"""Trials in one process. torch deals out 32 streams of a GPU in turn: half of them, taken once, are never shared."""
