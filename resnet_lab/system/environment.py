"""Environment of a run: code, packages, hardware, flags, and environment variables set for a while."""

import contextlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from resnet_lab.system.cache import digest_of

PACKAGES = ("torch", "torchvision", "numpy", "optuna", "mlflow", "pandas", "seaborn", "scipy", "scikit-learn")


TRAINING_CODE = ("ablations", "resnet_lab")


@cache
def training_code() -> str:
    """Return the SHA-256 of the code that trains: every file of the packages TRAINING_CODE."""
    return digest_of(Path(str(spec.origin)).parent for name in TRAINING_CODE if (spec := find_spec(name)))


def describe_code() -> dict[str, Any]:
    """Return git sha and dirtiness of this source tree, the digest of the code that trains, argv and package versions.

    Outside git the sha is that of the commit it was installed from, or None, and the dirtiness None.

    The driver asks once and hands the answer to every trial: it costs two processes and loads no package.
    """
    sha = _git("rev-parse", "HEAD")
    return {
        "git_sha": sha or installed_commit(),
        "code_sha256": training_code(),
        "version": _version("resnet-lab"),
        "git_dirty": None if sha is None else bool(_git("status", "--porcelain")),
        "argv": sys.argv,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def describe_machine() -> dict[str, Any]:
    """Return the hardware as far as it can be read without torch."""
    import psutil

    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=True),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
    }


def describe_torch(device: Any, dtype: Any) -> dict[str, Any]:
    """Return device, precision and determinism flags as they are in this process."""
    import torch

    tf32 = device.type == "cuda" and dtype == torch.float32 and torch.backends.cudnn.allow_tf32
    return {
        "device": str(device),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "gpu_driver": _gpu_driver() if device.type == "cuda" else None,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "precision": "tf32" if tf32 else str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "tf32": tf32,
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def installed_commit() -> str | None:
    """Return the commit that this package was installed from (PEP 610), None where that was no repository."""
    try:
        text = importlib.metadata.distribution("resnet-lab").read_text("direct_url.json")
        return str(json.loads(text or "{}")["vcs_info"]["commit_id"])
    except (importlib.metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return None


def _gpu_driver(path: Path = Path("/proc/driver/nvidia/version")) -> str | None:
    """Return the version of NVIDIA's driver, None where there is none that says so."""
    try:
        found = re.search(r"Kernel Module.*?\s(\d+\.[\d.]+)\s", path.read_text())
    except OSError:
        return None
    return found.group(1) if found else None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()} ({os.cpu_count()} threads)"
    return platform.processor()


@contextlib.contextmanager
def environment_set(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables within the block; afterwards each is as it was, absent where it was absent."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = old


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
