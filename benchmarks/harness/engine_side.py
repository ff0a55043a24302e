"""The engine's side of a comparison: one single-thread process per core, each training a real Session as trials do."""

import os
import time
from pathlib import Path

import torch

from benchmarks.harness.images import benchmark_images
from benchmarks.harness.processes import Ask, Process
from resnet_lab.engine.precision import resolve_dtype
from resnet_lab.engine.session import Session
from resnet_lab.runner.executor import WORKER_ENVIRONMENT
from resnet_lab.spec import Precision, RunSpec

CPU = torch.device("cpu")
GEMM_SIDE = 2048  # three bf16 matrices of 8 MiB: large enough for the full rate of a core


def start_engine(workers: int, spec: RunSpec, data_dir: Path | None) -> list[Process]:
    """Start the workers in the environment that a study gives its trials."""
    environment = WORKER_ENVIRONMENT | {"OMP_NUM_THREADS": "1"}
    return [Process(make_engine, spec, data_dir, environment=environment) for _ in range(workers)]


def make_engine(spec: RunSpec, data_dir: Path | None) -> Ask:
    """Return what a worker does: train a number of steps, or measure the matrix rate for a number of milliseconds."""
    torch.set_num_threads(1)
    session = Session(spec, benchmark_images(spec.data, data_dir), CPU)

    def ask(request: tuple[str, int]) -> float:
        name, number = request
        return _train(session, number) if name == "train" else gemm_gflops(spec.recipe.precision, number / 1000)

    return ask


def _train(session: Session, steps: int) -> float:
    """Train that many steps, over the ends of epochs where need be; return the seconds."""
    start = time.perf_counter()
    stop = session.iteration + steps
    while session.iteration < stop:
        session.run_steps(stop - session.iteration)
    return time.perf_counter() - start


def gemm_gflops(precision: Precision, seconds: float, side: int = GEMM_SIDE) -> float:
    """Return GFLOP/s of `torch.mm` on this process's threads, in the precision the engine computes in."""
    dtype = resolve_dtype(precision, CPU)
    a, b, out = (torch.ones(side, side, dtype=dtype) for _ in range(3))
    torch.mm(a, b, out=out)
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds or not count:
        torch.mm(a, b, out=out)
        count += 1
    return count * 2 * side**3 / elapsed / 1e9


def cores() -> int:
    """Return the cores this process may use, which is how many trials a study runs at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
