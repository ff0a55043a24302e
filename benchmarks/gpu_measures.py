"""What `benchmarks/gpu.py` measures, each a function of a Bench. With a stand-in for graphs all of it runs on a CPU."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.images import benchmark_images
from benchmarks.usual_loop import UsualLoop, endless, make_loader
from resnet_lab.captured import CapturedSteps
from resnet_lab.data.images import ImageData, Images
from resnet_lab.engine import Session
from resnet_lab.fields import replace
from resnet_lab.network import build_network
from resnet_lab.recorder import EagerRecorder, GraphRecorder, Recorder
from resnet_lab.spec import RunSpec
from resnet_lab.together import Together, train_steps

MIB = 2**20
Result = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much of each is measured: numbers of steps, epochs, trials at once, loader workers, images."""

    spec: RunSpec
    deep: int = 110
    steps: int = 300
    epochs: int = 4
    deep_epochs: int = 2
    counts: tuple[int, ...] = (1, 2, 4, 8, 16)
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

    def recorder(self) -> Recorder:
        """Return a CUDA graph's recorder, or the stand-in on a CPU."""
        return GraphRecorder(self.device) if self.device.type == "cuda" else EagerRecorder()

    def session(self, recorder: Recorder | None = None, *, compiled: bool = False, **changes: Any) -> Session:
        """Return a session of the scale's spec with fields changed (`model__depth=110`), captured unless told how."""
        spec = replace(self.scale.spec, {name.replace("__", "."): value for name, value in changes.items()})
        return Session(spec, self.data, self.device, recorder=recorder or self.recorder(), compiled=compiled)

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
        """Note the peak of allocated memory in MiB, on a GPU."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        yield
        if self.device.type == "cuda":
            result["peak_memory_mib"] = round(torch.cuda.max_memory_allocated(self.device) / MIB)


class Listening:
    """A recorder whose replays note the sum of the losses so far."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self.sums = recorder, [0.0]
        self.session: Session | None = None

    def place(self) -> AbstractContextManager[None]:
        return self.recorder.place()

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        replay = self.recorder.record(work)

        def noted() -> None:
            replay()
            assert self.session is not None
            assert isinstance(self.session.steps, CapturedSteps)
            self.sums.append(float(self.session.steps.buffers.loss))

        return noted


def equality(bench: Bench, steps: int = 20) -> Result:
    """Compare the losses of 20 steps, replayed from a graph and computed one by one, in fp32 and bf16."""
    result: Result = {"steps": steps}
    for precision in ("fp32", "bf16"):
        by_hand, graph = (
            _losses(bench, Listening(recorder), precision, steps) for recorder in (EagerRecorder(), bench.recorder())
        )
        result[f"largest_difference_{precision}"] = max(abs(a - b) for a, b in zip(by_hand, graph, strict=True))
        result[f"last_loss_{precision}"] = graph[-1]
    return result


def _losses(bench: Bench, recorder: Listening, precision: str, steps: int) -> list[float]:
    recorder.session = bench.session(recorder, recipe__precision=precision)
    recorder.session.run_steps(steps)
    return [after - before for before, after in zip(recorder.sums, recorder.sums[1:], strict=False)]


def step_times(bench: Bench, *, compiled: bool) -> Result:
    """Time a training step, eager and captured, and captured through torch.compile if asked."""
    result: Result = {}
    ways: dict[str, Callable[[], Session]] = {
        "eager": lambda: bench.session(EagerRecorder()),
        "captured": bench.session,
    }
    if compiled:
        ways["captured_compiled"] = lambda: bench.session(compiled=True)
    for name, make in ways.items():
        session = make()
        train_steps(3, session)
        seconds = bench.seconds(lambda session=session: train_steps(bench.scale.steps, session))  # type: ignore[misc]
        result[f"{name}_ms"] = round(1000 * seconds / bench.scale.steps, 4)
    result["captured_over_eager"] = round(result["eager_ms"] / result["captured_ms"], 2)
    return result


def recipe_time(bench: Bench, *, depth: int, epochs: int, full: bool) -> Result:
    """Time whole epochs, validation included, and say how long all iterations take; `full` makes them all."""
    result: Result = {"depth": depth}
    with bench.memory(result):
        session = bench.session(model__depth=depth)
        first = bench.seconds(session.run_epoch)  # captures
        done, last = session.iteration, session.spec.recipe.iterations

        def train() -> None:
            while not session.done if full else session.epoch <= epochs:
                session.run_epoch()

        seconds = bench.seconds(train)
    step = seconds / (session.iteration - done)
    result |= {"first_epoch_s": round(first, 3), "ms_per_iteration": round(1000 * step, 4)}
    result |= {"iterations_timed": session.iteration - done, "iterations": last}
    result["recipe_s"] = round(first + seconds if full else first + step * (last - done), 2)
    result["measured"] = "in full" if full else "on a stretch, extrapolated"
    return result


def packed(bench: Bench) -> Result:
    """Time 1, 2, 4, ... trials at once in one process: images/s over all of them."""
    result: Result = {}
    with bench.memory(result):
        together = Together(bench.scale.spec, bench.data, bench.device, bench.recorder)
        rates = {count: together.rate(count, bench.scale.packed_steps) for count in bench.scale.counts}
    result["images_per_s"] = {str(count): round(rate, 1) for count, rate in rates.items()}
    result["over_one"] = {str(count): round(rate / rates[1], 2) for count, rate in rates.items()}
    result["best_over_one"] = max(result["over_one"].values())
    return result


def usual_loop(bench: Bench) -> Result:
    """Time the loop most people write: DataLoader with workers, PIL transforms, fp32, torch's defaults."""
    scale, spec = bench.scale, bench.scale.spec
    model = build_network(spec.model, channels=bench.host.train.pixels.shape[-1], classes=bench.host.classes)
    loop = UsualLoop(model, spec.recipe, bench.device)
    batches = endless(make_loader(bench.host, spec.recipe, workers=scale.loader_workers))
    loop.train(batches, min(20, scale.usual_steps))
    rate = loop.train(batches, scale.usual_steps)
    return {
        "loader_workers": scale.loader_workers,
        "ms_per_iteration": round(1000 / rate, 4),
        "images_per_s": round(rate * spec.recipe.batch_size, 1),
    }


def _with_val(data: ImageData, count: int) -> ImageData:
    """Give noise a validation set of the real one's size: its time is part of an epoch's."""
    if len(data.val) >= count:
        return data
    few = Images(data.train.pixels[:count], data.train.labels[:count])
    return dataclasses.replace(data, val=few, test=few)


def _on(data: ImageData, device: torch.device) -> ImageData:
    parts = {name: getattr(data, name).to(device) for name in ("train", "val", "test", "mean", "std")}
    return dataclasses.replace(data, **parts)
