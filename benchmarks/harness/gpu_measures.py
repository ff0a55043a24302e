"""Measurements of `benchmarks/gpu.py`, each a function of a Bench; with a stand-in for graphs they run on a CPU."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch

from benchmarks.harness.gpu_bench import Bench, Result
from benchmarks.harness.usual_loop import UsualLoop, endless, make_loader
from resnet_lab.engine.captured import CapturedRunner
from resnet_lab.engine.graph_capture import GraphCapture, NoCapture
from resnet_lab.engine.session import Session
from resnet_lab.networks import build_network
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


def equality(bench: Bench, steps: int = 20) -> Result:
    """Compare the losses of 20 steps, replayed from a graph and computed one by one, in fp32 and bf16."""
    result: Result = {"steps": steps}
    for precision in ("fp32", "bf16"):
        by_hand, graph = (
            _losses(bench, Listening(recorder), precision, steps) for recorder in (NoCapture(), bench.recorder())
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
        "eager": lambda: bench.session(NoCapture()),
        "captured": bench.session,
    }
    if compiled:
        ways["captured_compiled"] = lambda: bench.session(compiled=True)
    for name, make in ways.items():
        session = make()
        train_steps(3, session)
        seconds = bench.seconds(lambda session=session: train_steps(bench.scale.steps, session))  # type: ignore[misc]  # bound now
        result[f"{name}_ms"] = round(1000 * seconds / bench.scale.steps, 4)
    result["captured_over_eager"] = round(result["eager_ms"] / result["captured_ms"], 2)
    return result


def recipe_time(bench: Bench, *, depth: int, epochs: int, full: bool) -> Result:
    """Time whole epochs, validation included, and estimate all iterations; `full` runs them all."""
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
        together = ConcurrentSessions(bench.scale.spec, bench.data, bench.device, bench.recorder)
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
