"""Resources of a launch: the device trials run on, and how many run at once."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from resnet_lab.errors import UserError
from resnet_lab.spec import Precision, RunSpec
from resnet_lab.spec.choices import Kernels
from resnet_lab.system.environment import cores
from resnet_lab.trials import preload
from resnet_lab.trials.worker_settings import WorkerSettings


class Options(Protocol):
    """The options that say where trials run, and how many at once."""

    @property
    def device(self) -> str: ...
    @property
    def jobs(self) -> int | Literal["auto"]: ...
    @property
    def data_dir(self) -> Path | None: ...


def resources(options: Options, cells: Sequence[RunSpec], device: str | None = None) -> tuple[str, int]:
    """Return the device by name and the number of trials at once. Loads torch only where there may be a GPU.

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
        return device, options.jobs
    return device, cores() if device == "cpu" else _packed(device, cells, options)


def require_precision(device: str, cells: Sequence[RunSpec]) -> None:
    """Raise UserError where a run asks for TF32 and the device, by name, is a CPU."""
    if device == "cpu" and any(cell.recipe.precision == Precision.TF32 for cell in cells):
        raise UserError("precision tf32 is a GPU's, and the device is cpu: use fp32, or --device cuda")


def require_kernels(device: str, kernels: Kernels) -> None:
    """Raise UserError where fused kernels are asked for and the device, by name, is a CPU."""
    if device == "cpu" and kernels == Kernels.FUSED:
        raise UserError("--kernels fused are a GPU's, and the device is cpu: use auto or torch, or --device cuda")


def _packed(device: str, cells: Sequence[RunSpec], options: Options) -> int:
    """Measure how many trials at once pay off on a GPU, with the largest network, and print it."""
    from resnet_lab.runner.executor import start_server
    from resnet_lab.system.forked_call import submit
    from resnet_lab.trials.throughput import best_count, concurrent_throughput

    # The server that will fork the workers: it is started once.
    settings = WorkerSettings(data_dir=options.data_dir and options.data_dir.absolute(), device=device, environment={})
    start_server(0, preload.environment(cells, settings))
    largest = max(cells, key=lambda cell: cell.model.depth * cell.model.width**2)
    try:
        rates = submit(concurrent_throughput, largest, device).result()
    except RuntimeError:  # its traceback is printed above: most likely one trial does not fit into the memory
        print("--jobs auto: nothing could be measured, so trials run one at a time", file=sys.stderr)
        return 1
    best = best_count(rates)
    measured = ", ".join(f"{count}: {rate:,.0f}" for count, rate in rates.items())
    print(f"--jobs auto: {best} trials at once (images/s by trials at once: {measured})", file=sys.stderr)
    return best


def may_have_gpu() -> bool:
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None
