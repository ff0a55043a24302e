"""Resources of a launch: the device trials run on, and how many run at once."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from resnet_lab.errors import UserError
from resnet_lab.runner.packing import Packing, find_packing
from resnet_lab.spec import Precision, RunSpec
from resnet_lab.spec.choices import Kernels
from resnet_lab.system.environment import cores
from resnet_lab.trials.worker_settings import WorkerSettings


class Options(Protocol):
    """The options that say where trials run, and how many at once."""

    @property
    def device(self) -> str: ...
    @property
    def jobs(self) -> int | Literal["auto"]: ...
    @property
    def data_dir(self) -> Path | None: ...
    @property
    def compile(self) -> bool: ...
    @property
    def deterministic(self) -> bool: ...
    @property
    def kernels(self) -> Kernels: ...


class Resources(NamedTuple):
    """The device by name, and how many trials run at once on it."""

    device: str
    jobs: int
    packing: Packing | None = None
    """Of a GPU, where --jobs auto measured it: `jobs` is the count of its smallest size."""


def resources(options: Options, cells: Sequence[RunSpec], device: str | None = None) -> Resources:
    """Return where trials run and how many at once. Loads torch only where there may be a GPU.

    `device` stands in the options' place where this process has been shown some of the GPUs only.
    Raises UserError for a device that is not there, or that does not compute in a run's precision.
    """
    device = device or options.device
    if device not in ("auto", "cpu") or (device == "auto" and may_have_gpu()):
        from resnet_lab.engine.precision import resolve_device

        device = str(resolve_device(device))
    device = "cpu" if device == "auto" else device
    require_precision(device, cells)
    if options.jobs != "auto":
        return Resources(device, options.jobs)
    if device == "cpu":
        return Resources(device, cores())
    settings = WorkerSettings(
        data_dir=options.data_dir and options.data_dir.absolute(),
        device=device,
        environment={},
        deterministic=options.deterministic,
        compiled=options.compile,
        kernels=options.kernels,
    )
    packing = find_packing(cells, settings)
    return Resources(device, packing.slots, packing)


def require_precision(device: str, cells: Sequence[RunSpec]) -> None:
    """Raise UserError where a run asks for TF32 and the device, by name, is a CPU."""
    if device == "cpu" and any(cell.recipe.precision == Precision.TF32 for cell in cells):
        raise UserError("precision tf32 is a GPU's, and the device is cpu: use fp32, or --device cuda")


def require_kernels(device: str, kernels: Kernels) -> None:
    """Raise UserError where fused kernels are asked for and the device, by name, is a CPU."""
    if device == "cpu" and kernels == Kernels.FUSED:
        raise UserError("--kernels fused are a GPU's, and the device is cpu: use auto or torch, or --device cuda")


def may_have_gpu() -> bool:
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None
