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
    """Return the compute type: `auto` is bf16 where the processor or GPU computes in it, else fp32.

    Raises UserError for `tf32` on a device that does not compute in it.
    """
    if precision == Precision.TF32:
        require_tf32(device)
    if precision == Precision.AUTO:
        return torch.bfloat16 if _has_bf16(device) else torch.float32
    return torch.bfloat16 if precision == Precision.BF16 else torch.float32


def use_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the compute type, and have this process multiply float32 on a GPU as the precision says.

    Only `tf32` lets convolutions and matrix products read 10 bits of each factor, which is torch's default for
    convolutions. Raises UserError as `resolve_dtype`.
    """
    dtype = resolve_dtype(precision, device)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == Precision.TF32
    return dtype


def require_tf32(device: torch.device) -> None:
    """Raise UserError where the device does not multiply in TF32: a CPU, or a GPU older than Ampere."""
    if device.type != "cuda":
        raise UserError(f"precision tf32 is a GPU's, and the device is {device}: use fp32")
    if not _is_ampere(device):
        raise UserError(f"precision tf32 needs a GPU of compute capability 8.0, which {device} has not: use fp32")


def be_deterministic() -> None:
    """Hold torch, in this process, to algorithms that give equal bits in equal runs.

    To be called before a GPU is used: cuBLAS reads its variable then. torch raises RuntimeError where a network needs
    an operation that has no such algorithm (docs.pytorch.org/docs/stable/notes/randomness.html).
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Every fresh tensor would be filled once more, which changes no bit of a result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # in no stub
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return _is_ampere(device)
    # Private, but the only question torch answers about the processor's bf16 units; absent, fp32 is right.
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def _is_ampere(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device) >= (8, 0)


def autocast(
    device: torch.device, dtype: torch.dtype, *, cache: bool = True
) -> contextlib.AbstractContextManager[object]:
    """Return the autocast context of a compute type; nothing happens for fp32. `cache` keeps cast weights within it."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32, cache_enabled=cache)
