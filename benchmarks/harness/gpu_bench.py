"""Setting of `benchmarks/gpu.py`: sizes, the images on the device, and what captures steps there."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness.images import benchmark_images
from resnet_lab.data.images import ImageData, Images
from resnet_lab.engine.graph_capture import CudaGraphCapture, GraphCapture, NoCapture
from resnet_lab.engine.session import Session
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import Kernels
from resnet_lab.spec.fields import replace

MIB = 2**20
Result = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes of the measurements: numbers of steps, epochs, trials at once, loader workers, images."""

    spec: RunSpec
    deep: int = 110
    steps: int = 300
    epochs: int = 4
    deep_epochs: int = 2
    precisions: tuple[str, ...] = ("bf16", "tf32", "fp32")
    counts: tuple[int, ...] = (1, 2, 3, 4, 8)
    packed_steps: int = 200
    loader_workers: int = 8
    usual_steps: int = 200
    val_images: int = 5000


FULL_SIZE = Scale(spec=RunSpec())
SMOKE = Scale(
    spec=replace(
        RunSpec(),
        {
            "model.depth": 8,
            "model.width": 4,
            "data.name": "mnist",
            "data.train_images": 640,
            "recipe.batch_size": 16,
            "recipe.crop_padding": 1,
            "recipe.iterations": 100,
        },
    ),
    deep=14,
    steps=4,
    epochs=1,
    deep_epochs=1,
    precisions=("bf16", "fp32"),
    counts=(1, 2),
    packed_steps=2,
    loader_workers=0,
    usual_steps=2,
    val_images=32,
)


class Bench:
    """The scale, the images on the device, and what records steps there."""

    def __init__(self, scale: Scale, device: torch.device, data_dir: Path | None) -> None:
        self.scale, self.device = scale, device
        self.host = _with_val(benchmark_images(scale.spec.data, data_dir), scale.val_images)
        self.data = _on(self.host, device)

    def recorder(self) -> GraphCapture:
        """Return a CUDA graph's recorder, or the stand-in on a CPU."""
        return CudaGraphCapture(self.device) if self.device.type == "cuda" else NoCapture()

    def session(
        self,
        recorder: GraphCapture | None = None,
        *,
        compiled: bool = False,
        kernels: Kernels = Kernels.AUTO,
        **changes: Any,
    ) -> Session:
        """Return a session of the scale's spec with fields changed (`model__depth=110`), captured by default."""
        spec = replace(self.scale.spec, {name.replace("__", "."): value for name, value in changes.items()})
        capture = recorder or self.recorder()
        return Session(spec, self.data, self.device, capture=capture, compiled=compiled, kernels=kernels)

    def seconds(self, work: Callable[[], object]) -> float:
        """Return the wall time of work and of all it queued on the device."""
        self.wait()
        start = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - start

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @contextlib.contextmanager
    def memory(self, result: Result) -> Iterator[None]:
        """Record the peak of allocated memory in MiB, on a GPU."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        yield
        if self.device.type == "cuda":
            result["peak_memory_mib"] = round(torch.cuda.max_memory_allocated(self.device) / MIB)


def _with_val(data: ImageData, count: int) -> ImageData:
    """Give noise a validation set of the real one's size: its time is part of an epoch's."""
    if len(data.val) >= count:
        return data
    few = Images(data.train.pixels[:count], data.train.labels[:count])
    return dataclasses.replace(data, val=few, test=few)


def _on(data: ImageData, device: torch.device) -> ImageData:
    parts = {name: getattr(data, name).to(device) for name in ("train", "val", "test", "mean", "std")}
    return dataclasses.replace(data, **parts)
