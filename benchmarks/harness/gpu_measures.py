"""Measurements of `benchmarks/gpu.py`, each a function of a Bench; with a stand-in for graphs they run on a CPU."""

import contextlib
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch

from benchmarks.harness.gpu_bench import Bench, Result
from benchmarks.harness.usual_loop import UsualLoop, endless, make_loader
from resnet_lab.engine.captured import CapturedRunner
from resnet_lab.engine.graph_capture import GraphCapture, NoCapture
from resnet_lab.engine.session import Session
from resnet_lab.networks import build_network
from resnet_lab.spec.choices import Kernels
from resnet_lab.trials.throughput import ConcurrentSessions, train_steps


class Listening:
    """A recorder whose replays record the sum of the losses so far."""

    def __init__(self, recorder: GraphCapture) -> None:
        self.recorder, self.sums = recorder, [0.0]
        self.session: Session | None = None

    def stream_context(self) -> AbstractContextManager[None]:
        return self.recorder.stream_context()

    def record(self, work: Callable[[], None], generator: torch.Generator | None = None) -> Callable[[], None]:
        replay = self.recorder.record(work, generator)

        def replay_and_record() -> None:
            replay()
            assert self.session is not None
            assert isinstance(self.session.runner, CapturedRunner)
            self.sums.append(float(self.session.runner.buffers.loss))

        return replay_and_record


def equality(bench: Bench, into: Result, steps: int = 20) -> None:
    """Compare the losses of 20 steps, replayed from a graph and computed one by one, in fp32 and bf16."""
    into["steps"] = steps
    for precision in ("fp32", "bf16"):
        by_hand, graph = (
            _losses(bench, Listening(recorder), precision, steps) for recorder in (NoCapture(), bench.recorder())
        )
        into[f"largest_difference_{precision}"] = max(abs(a - b) for a, b in zip(by_hand, graph, strict=True))
        into[f"last_loss_{precision}"] = graph[-1]


def _losses(bench: Bench, recorder: Listening, precision: str, steps: int) -> list[float]:
    recorder.session = bench.session(recorder, recipe__precision=precision)
    recorder.session.run_steps(steps)
    return [after - before for before, after in zip(recorder.sums, recorder.sums[1:], strict=False)]


def ways(bench: Bench, precision: str, *, compiled: bool) -> dict[str, Callable[[], Session]]:
    """Return how a step can be made, by name: sessions of the scale's spec in a precision."""

    def session(recorder: GraphCapture | None = None, **options: Any) -> Session:
        return bench.session(recorder, recipe__precision=precision, **options)

    found: dict[str, Callable[[], Session]] = {
        "eager": lambda: session(NoCapture(), kernels=Kernels.TORCH),
        "captured": lambda: session(kernels=Kernels.TORCH),
    }
    if bench.device.type == "cuda":
        found["fused"] = lambda: session(kernels=Kernels.FUSED)
    if compiled:
        found["compiled"] = lambda: session(compiled=True)
    return found


def step_times(bench: Bench, into: Result, *, compiled: bool) -> None:
    """Time a training step: eager, captured, captured with fused kernels and through torch.compile, by precision."""
    for precision in bench.scale.precisions:
        for name, make in ways(bench, precision, compiled=compiled).items():
            with _errors_kept(into, f"{precision}_{name}"):
                session = make()
                train_steps(3, session)
                seconds = bench.seconds(lambda session=session: train_steps(bench.scale.steps, session))  # type: ignore[misc]  # bound now
                into[f"{precision}_{name}_ms"] = round(1000 * seconds / bench.scale.steps, 4)
                into[f"{precision}_{name}_by"] = f"{session.mode}; {session.kernels}"


def profile(bench: Bench, into: Result) -> None:
    """Count the kernels of a captured step, and the time in which any of them runs, by precision.

    The wall time of a step over its busy time is the most that packing can bring. On a CPU torch's operations count.
    """
    steps = min(10, bench.scale.packed_steps)
    on_gpu = bench.device.type == "cuda"
    activity = torch.profiler.ProfilerActivity.CUDA if on_gpu else torch.profiler.ProfilerActivity.CPU
    device = torch.autograd.DeviceType.CUDA if on_gpu else torch.autograd.DeviceType.CPU
    for precision in bench.scale.precisions:
        made = ways(bench, precision, compiled=False)
        for name in [each for each in ("captured", "fused") if each in made]:
            with _errors_kept(into, f"{precision}_{name}"):
                session = made[name]()
                train_steps(3, session)
                wall = bench.seconds(lambda session=session: train_steps(steps, session))  # type: ignore[misc]  # as above
                with torch.profiler.profile(activities=[activity]) as profiler:
                    train_steps(steps, session)
                    bench.wait()
                spans = [
                    (event.time_range.start, event.time_range.end)
                    for event in profiler.events() or []
                    if event.device_type == device
                ]
                into[f"{precision}_{name}_kernels"] = round(len(spans) / steps, 1)
                into[f"{precision}_{name}_busy_us"] = round(busy(spans) / steps, 1)
                into[f"{precision}_{name}_wall_us"] = round(1e6 * wall / steps, 1)


def busy(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length of what intervals (start, end) cover together."""
    covered = 0.0
    reached = float("-inf")
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered


@contextlib.contextmanager
def _errors_kept(into: Result, name: str) -> Iterator[None]:
    """Keep the error of a part, and go on with the next."""
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        into[f"{name}_error"] = f"{type(error).__name__}: {error}"


def recipe_time(bench: Bench, into: Result, *, depth: int, epochs: int, full: bool) -> None:
    """Time whole epochs, validation included, and estimate all iterations; `full` runs them all."""
    into["depth"] = depth
    with bench.memory(into):
        session = bench.session(model__depth=depth)
        first = bench.seconds(session.run_epoch)  # captures
        done, last = session.iteration, session.spec.recipe.iterations

        def train() -> None:
            while not session.done if full else session.epoch <= epochs:
                session.run_epoch()

        seconds = bench.seconds(train)
    step = seconds / (session.iteration - done)
    into |= {"first_epoch_s": round(first, 3), "ms_per_iteration": round(1000 * step, 4)}
    into |= {"iterations_timed": session.iteration - done, "iterations": last, "kernels": session.kernels}
    into["recipe_s"] = round(first + seconds if full else first + step * (last - done), 2)
    into["measured"] = "in full" if full else "on a stretch, extrapolated"


def packed(bench: Bench, into: Result) -> None:
    """Time 1, 2, 3, ... trials at once in one process: images/s over all of them, as far as the memory goes."""
    recipe = bench.scale.spec.recipe
    into |= {"images_a_trial": recipe.iterations * recipe.batch_size, "images_per_s": {}, "over_one": {}}
    with bench.memory(into):
        together = ConcurrentSessions(bench.scale.spec, bench.data, bench.device, bench.recorder)
        for count in bench.scale.counts:
            try:
                rate = together.rate(count, bench.scale.packed_steps)
            except torch.OutOfMemoryError:
                into["out_of_memory_at"] = count
                break
            into["images_per_s"][str(count)] = round(rate, 1)
            into["over_one"][str(count)] = round(rate / into["images_per_s"]["1"], 2)
            into["best_over_one"] = max(into["over_one"].values())


def usual_loop(bench: Bench, into: Result) -> None:
    """Time the loop most people write: DataLoader with workers, PIL transforms, fp32, torch's defaults."""
    scale, spec = bench.scale, bench.scale.spec
    model = build_network(spec.model, channels=bench.host.train.pixels.shape[-1], classes=bench.host.classes)
    loop = UsualLoop(model, spec.recipe, bench.device)
    batches = endless(make_loader(bench.host, spec.recipe, workers=scale.loader_workers))
    loop.train(batches, min(20, scale.usual_steps))
    rate = loop.train(batches, scale.usual_steps)
    into |= {
        "loader_workers": scale.loader_workers,
        "ms_per_iteration": round(1000 / rate, 4),
        "images_per_s": round(rate * spec.recipe.batch_size, 1),
    }
