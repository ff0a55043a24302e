"""Device and precision of a run, and determinism of this process."""

import contextlib
import os

import torch

from resnet_lab.errors import UserError
from resnet_lab.spec import Precision


def resolve_device(name: str) -> torch.device:
    """Return the device: `auto` is CUDA where present, else the CPU. Raises UserError for one that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"there is no device {name!r}: use auto, cpu or cuda") from None
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"device {name!r} is not supported: use auto, cpu or cuda")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name!r} is not on this machine: use --device cpu")
    return device


def resolve_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the compute type: `auto` is bf16 where the processor or GPU computes in it, else fp32."""
    if precision == Precision.AUTO:
        return torch.bfloat16 if _has_bf16(device) else torch.float32
    return torch.bfloat16 if precision == Precision.BF16 else torch.float32


def be_deterministic() -> None:
    """Hold torch, in this process, to algorithms that give equal bits in equal runs, and float32 to float32.

    To be called before a GPU is used: cuBLAS reads its variable then. torch raises RuntimeError where a network needs
    an operation that has no such algorithm (docs.pytorch.org/docs/stable/notes/randomness.html).
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Every fresh tensor would be filled once more, which changes no bit of a result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # in no stub
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    # Convolutions of float32 would be computed from 10 bits of each factor.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # Private, but the only question torch answers about the processor's bf16 units; absent, fp32 is right.
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def autocast(
    device: torch.device, dtype: torch.dtype, *, cache: bool = True
) -> contextlib.AbstractContextManager[object]:
    """Return the autocast context of a compute type; nothing happens for fp32. `cache` keeps cast weights within it."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32, cache_enabled=cache)
