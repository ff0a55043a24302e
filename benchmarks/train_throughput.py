"""Training throughput of a sweep against the usual loop: images/s over all cores, in turns.

python benchmarks/train_throughput.py                      ResNet-20 on 32x32 noise, about 2 minutes on 2 cores
python benchmarks/train_throughput.py --dataset digits     the digits of the quick study
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

from benchmarks.rounds import Round, summarise, table
from resnet_lab.command import parse, reporting
from resnet_lab.errors import UserError
from resnet_lab.fields import replace
from resnet_lab.spec import DatasetName, RunSpec

DESCRIPTION = "Training throughput of a sweep against the usual loop: images/s over all cores, in turns."
STEPS = {"cifar10": 20, "digits": 400}
GEMM_MS = 500


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
    """Images a step on both sides. Default: 128, or 32 on digits, as in the quick study."""
    rounds: Annotated[int, arg(metavar="INT")] = 3
    """Turns of each side; the median of their ratios is reported."""
    steps: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """Timed steps of each process and turn. Default: 20, or 400 on digits."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "rounds", "steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name.replace('_', '-')} {value}: it must be 1 or more")

    def spec(self) -> RunSpec:
        """Return the run both sides train. Raises UserError."""
        from studies.recipes import QUICK

        name = DatasetName(self.dataset)
        batch = {} if self.batch_size is None else {"recipe.batch_size": self.batch_size}
        return replace(RunSpec(), {"model.depth": self.depth, "data.name": name, **QUICK[name], **batch})


def measure(options: Options) -> tuple[list[Round], dict[str, Any]]:
    """Run the rounds; return them with their summary. Raises UserError before any process starts."""
    spec = _checked(options)
    from benchmarks.engine_side import cores, start_engine
    from benchmarks.processes import ask_all
    from benchmarks.usual_loop import start_usual_loop
    from resnet_lab.throughput import forward_flops

    flops = forward_flops(spec)
    workers, usual = start_engine(cores(), spec, options.data_dir), start_usual_loop(spec, options.data_dir)
    try:
        ask_all([usual], ("open", 0))
        rounds = [_round(workers, usual, options, spec, number) for number in range(options.rounds)]
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


def _round(workers: Any, usual: Any, options: Options, spec: RunSpec, number: int) -> Round:
    """Give each side its turn, the first of the last round being the second of this one."""
    from benchmarks.other_load import cores_used_by_others, snapshot
    from benchmarks.processes import ask_all, seconds_together
    from benchmarks.usual_loop import LOADER_WORKERS

    steps = options.steps or STEPS[options.dataset]
    images = steps * spec.recipe.batch_size
    reference: dict[int, float] = {}

    def reference_turn() -> None:
        for count in LOADER_WORKERS:
            reference[count] = images / ask_all([usual], (f"train/{count}", steps))[0]

    before = snapshot()
    if number % 2:
        reference_turn()
    ask_all(workers, ("train", 2))  # wakes the cores and, in the first round, fills caches and memory pools
    engine = len(workers) * images / seconds_together(workers, ("train", steps))
    gemm = sum(ask_all(workers, ("gemm", GEMM_MS)))
    if not number % 2:
        reference_turn()
    others = cores_used_by_others(before, snapshot())
    return Round(engine=engine, reference=reference, gemm_gflops=gemm, others=others)


def _describe(options: Options, spec: RunSpec, workers: int) -> dict[str, Any]:
    import torch

    from resnet_lab.environment import describe_machine, describe_torch
    from resnet_lab.precision import resolve_dtype

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


def main() -> None:
    with reporting():
        options = parse(
            Options, prog="python benchmarks/train_throughput.py", description=(__doc__ or "").split("\n")[0]
        )
        rounds, result = measure(options)
        print(json.dumps(result, indent=2) if options.json else table(rounds, result))


if __name__ == "__main__":
    main()
