"""Training throughput of a sweep against the usual loop: images/s over all cores, in turns.

python benchmarks/train_throughput.py                      ResNet-20 on 32x32 noise, about 2 minutes on 2 cores
python benchmarks/train_throughput.py --dataset digits     the digits of the quick study
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Annotated, Any, Literal

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

from benchmarks.harness.processes import Process, ask_all, seconds_together
from benchmarks.harness.rounds import Round, summarise, table
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.system.command import parse, reporting

DESCRIPTION = "Training throughput of a sweep against the usual loop: images/s over all cores, in turns."
STEPS = {"cifar10": 8, "digits": 200}
GEMM_MS = 300
ROUNDS_S = 120  # no round begins later


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the benchmark. Raises UserError for a number out of range."""

    dataset: Literal["cifar10", "digits"] = "cifar10"
    """Shape of the images: cifar10 is noise unless --data-dir is given, digits are the real ones."""
    data_dir: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder that holds the real set."""
    depth: Annotated[int, arg(metavar="INT")] = 20
    """Weighted layers of the network."""
    batch_size: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """Images per step on both sides. Default: 128, or 32 on digits, as in the quick study."""
    rounds: Annotated[int, arg(metavar="INT")] = 5
    """Each gives every number of loader workers one turn and the engine as many. None begins after 2 minutes."""
    steps: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """Timed steps of each process and turn. Default: 8, or 200 on digits."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "rounds", "steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name.replace('_', '-')} {value}: it must be 1 or more")

    def spec(self) -> RunSpec:
        """Return the run both sides train. Raises UserError."""
        from studies.plan.quick_recipes import QUICK

        name = DatasetName(self.dataset)
        batch = {} if self.batch_size is None else {"recipe.batch_size": self.batch_size}
        return replace(RunSpec(), {"model.depth": self.depth, "data.name": name, **QUICK[name], **batch})


def measure(options: Options) -> tuple[list[Round], dict[str, Any]]:
    """Run the rounds; return them with their summary. Raises UserError before any process starts."""
    spec = _checked(options)
    from benchmarks.harness.engine_side import cores, start_engine
    from benchmarks.harness.usual_loop import start_usual_loop
    from resnet_lab.trials.throughput import forward_flops

    flops, steps = forward_flops(spec), options.steps or STEPS[options.dataset]
    workers, usual = start_engine(cores(), spec, options.data_dir), start_usual_loop(spec, options.data_dir)
    try:
        ask_all([usual], ("open", 0))
        ask_all(workers, ("train", 1))
        deadline = time.monotonic() + ROUNDS_S
        rounds: list[Round] = []
        while len(rounds) < options.rounds and (not rounds or time.monotonic() < deadline):
            rounds.append(_round(workers, usual, spec.recipe.batch_size, steps))
    finally:
        for process in (*workers, usual):
            process.close()
    return rounds, _describe(options, spec, len(workers)) | summarise(rounds, flops)


def _checked(options: Options) -> RunSpec:
    """Return the run after all checks that need no torch."""
    from resnet_lab.data.catalog import steps_per_epoch, train_images
    from resnet_lab.data.load import ensure

    spec = options.spec()
    steps_per_epoch(train_images(spec.data), spec.recipe.batch_size)
    if options.data_dir is not None:
        ensure(spec.data, options.data_dir)
    return spec


def _round(workers: Sequence[Process], usual: Process, batch: int, steps: int) -> Round:
    """Give the engine and the matrix product a turn before each turn of the usual loop."""
    from benchmarks.harness.other_load import cores_used_by_others, snapshot
    from benchmarks.harness.usual_loop import LOADER_WORKERS

    before = snapshot()
    seconds, gemm, reference = 0.0, [], {}
    for count in LOADER_WORKERS:
        ask_all(workers, ("train", 1))  # wakes the cores and, the first time, fills caches and memory pools
        seconds += seconds_together(workers, ("train", steps))
        gemm.append(sum(ask_all(workers, ("gemm", GEMM_MS))))
        reference[count] = batch * ask_all([usual], (f"train/{count}", steps))[0]
    return Round(
        engine=len(LOADER_WORKERS) * len(workers) * steps * batch / seconds,
        reference=reference,
        gemm_gflops=mean(gemm),
        others=cores_used_by_others(before, snapshot()),
    )


def _describe(options: Options, spec: RunSpec, workers: int) -> dict[str, Any]:
    import torch

    from resnet_lab.engine.precision import resolve_dtype
    from resnet_lab.system.environment import describe_machine, describe_torch

    device = torch.device("cpu")
    precision = describe_torch(device, resolve_dtype(spec.recipe.precision, device))
    machine = describe_machine()
    return {
        "dataset": options.dataset,
        "depth": options.depth,
        "batch_size": spec.recipe.batch_size,
        "engine_processes": workers,
        "precision": {"bfloat16": "bf16", "float32": "fp32"}[precision["precision"]],
        "processor": machine["processor"],
        "cores": machine["cores"],
        "memory_gib": machine["memory_gib"],
        "cpu_capability": precision["cpu_capability"],
        "torch": torch.__version__,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print. Exits with 2 for a mistake of the user's."""
    with reporting():
        options = parse(
            Options,
            prog="python benchmarks/train_throughput.py",
            description=(__doc__ or "").split("\n")[0],
            argv=argv,
        )
        rounds, result = measure(options)
        print(json.dumps(result, indent=2) if options.json else table(rounds, result))


if __name__ == "__main__":
    main()
