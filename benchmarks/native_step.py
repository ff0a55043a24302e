"""A training step in the kernels of `resnet_lab.native` against the same step in torch's operations, in turns.

python benchmarks/native_step.py                      ResNet-20 on 32x32 noise, batch 128, about half a minute
python benchmarks/native_step.py --dataset digits     the digits of the quick study
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.system.command import parse, reporting

if TYPE_CHECKING:
    from resnet_lab.engine.session import Session

DESCRIPTION = "A training step in our kernels against the same step in torch's operations, in turns."
STEPS = {"cifar10": 2, "digits": 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the benchmark. Raises UserError for a number out of range."""

    dataset: Literal["cifar10", "digits"] = "cifar10"
    """Shape of the images: cifar10 is noise, digits are the real ones."""
    depth: Annotated[int, arg(metavar="INT")] = 20
    """Weighted layers of the network."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """How activations lie in memory, and in what torch's convolutions compute."""
    rounds: Annotated[int, arg(metavar="INT")] = 8
    """Turns of each side; the median of their ratios is reported."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise UserError(f"--rounds {self.rounds}: it must be 1 or more")


def measure(options: Options) -> dict[str, Any]:
    """Train two equal sessions in turns on one thread; times are CPU times of the thread, in ms per step.

    Raises UserError where there are no kernels.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        native, plain = _sessions(options)
        steps = STEPS[options.dataset]
        for session in (native, plain):
            _milliseconds(session, steps)  # lays the program out, fills caches and memory pools
        turns = [(_milliseconds(plain, steps), _milliseconds(native, steps)) for _ in range(options.rounds)]
    finally:
        torch.set_num_threads(threads)
    ratios = [theirs / ours for theirs, ours in turns]
    return {
        "torch_ms": round(median(theirs for theirs, _ in turns), 2),
        "native_ms": round(median(ours for _, ours in turns), 2),
        "ratio": round(median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
    }


def _sessions(options: Options) -> tuple["Session", "Session"]:
    import torch

    from benchmarks.harness.images import benchmark_images
    from resnet_lab.engine.session import Session
    from studies.plan.quick_recipes import QUICK

    name = DatasetName(options.dataset)
    fields = {"model.depth": options.depth, "data.name": name, **QUICK[name], "recipe.precision": options.precision}
    spec = replace(RunSpec(), fields)
    data, device = benchmark_images(spec.data, None), torch.device("cpu")
    native = Session(spec, data, device)
    if native.kernels != "native":
        raise UserError(f"there are no kernels to measure: {native.kernels.removeprefix('torch: ')}")
    torch.use_deterministic_algorithms(True)  # a network built under this flag stays with torch
    try:
        return native, Session(spec, data, device)
    finally:
        torch.use_deterministic_algorithms(False)


def _milliseconds(session: "Session", steps: int) -> float:
    start, stop = time.thread_time(), session.iteration + steps
    while session.iteration < stop:
        session.run_steps(stop - session.iteration)
    return 1000 * (time.thread_time() - start) / steps


def table(result: dict[str, Any]) -> str:
    """Return the outcome as one line of at most 80 columns."""
    spread = f"{result['ratio_min']:.2f} to {result['ratio_max']:.2f}"
    return (
        f"ratio {result['ratio']:.2f} (median; {spread}): {result['native_ms']:.1f} against "
        f"{result['torch_ms']:.1f} ms per step"
    )


def main() -> None:
    """Print the ratio."""
    with reporting():
        options = parse(Options, prog="python benchmarks/native_step.py", description=DESCRIPTION)
        result = measure(options)
        print(json.dumps(result, indent=2) if options.json else table(result))


if __name__ == "__main__":
    main()
