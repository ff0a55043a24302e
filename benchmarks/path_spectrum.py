"""The exact path spectrum against the naive form: seconds of each, in turns.

python benchmarks/path_spectrum.py                   ResNet-56, 64 images, float64: minutes on 2 cores
python benchmarks/path_spectrum.py --depth 20        a few seconds

The naive form is one `autograd.grad` for each block and length, over a local graph that it builds for that call. The
second reference is the best that one call each can do: one graph per block, kept, and only the lengths that exist yet.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

from resnet_lab.errors import UserError
from resnet_lab.system.command import parse, reporting

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.inputs.chain import Chain

DESCRIPTION = "The exact path spectrum against the naive form: seconds of each, in turns."
FORMS = ("ours", "kept_graphs", "naive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the benchmark. Raises UserError for a number out of range."""

    depth: Annotated[int, arg(metavar="INT")] = 56
    """Weighted layers of the CIFAR ResNet; its weights are drawn, which costs what trained ones do."""
    images: Annotated[int, arg(metavar="INT")] = 64
    """Images of noise, 32x32."""
    rounds: Annotated[int, arg(metavar="INT")] = 1
    """Turns of each side; the median of their ratios is reported."""
    threads: Annotated[int, arg(metavar="INT", help_behavior_hint="")] = 0
    """Threads of both sides. Default: one per core."""
    alone: Annotated[bool, arg(help_behavior_hint="")] = False
    """Only the exact spectrum, for its time and the memory it needs."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        for name, bound in (("images", 1), ("rounds", 1), ("threads", 0)):
            if getattr(self, name) < bound:
                raise UserError(f"--{name} {getattr(self, name)}: it must be {bound} or more")


def measure(options: Options) -> dict[str, Any]:
    """Run the rounds and return seconds, ratios and the largest difference of the forms' results."""
    import torch

    from benchmarks.harness.other_load import cores_used_by_others, snapshot

    torch.set_num_threads(options.threads or torch.get_num_threads())
    chain, images, labels = _network_and_images(options)
    forms = ("ours",) if options.alone else FORMS
    seconds: dict[str, list[float]] = {form: [] for form in forms}
    before, results = snapshot(), {}
    for number in range(options.rounds):
        for form in forms[:: -1 if number % 2 else 1]:
            start = time.perf_counter()
            results[form] = _form(form)(chain, images, labels)
            seconds[form].append(time.perf_counter() - start)
    difference = max(float((other - results["ours"]).norm() / other.norm()) for other in results.values())
    return {
        "depth": options.depth,
        "images": options.images,
        "threads": torch.get_num_threads(),
        "seconds": {form: round(median(times), 2) for form, times in seconds.items()},
        "ratio": _ratio(seconds, "naive"),
        "ratio_kept_graphs": _ratio(seconds, "kept_graphs"),
        "largest_difference": difference,
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "other_load_cores": round(cores_used_by_others(before, snapshot()), 2),
        "torch": torch.__version__,
    }


def _ratio(seconds: dict[str, list[float]], form: str) -> float | None:
    if form not in seconds:
        return None
    return round(median(theirs / ours for theirs, ours in zip(seconds[form], seconds["ours"], strict=True)), 2)


def _network_and_images(options: Options) -> "tuple[Chain, Tensor, Tensor]":
    import torch

    from analysis.inputs.chain import decompose
    from analysis.paths.recording import prepare
    from resnet_lab.engine.initialise import initialise
    from resnet_lab.networks import build_network
    from resnet_lab.spec import RunSpec
    from resnet_lab.spec.fields import replace

    net = build_network(replace(RunSpec(), {"model.depth": options.depth}).model)
    initialise(net, 0)
    chain = decompose(net)
    prepare(chain, "eval")
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(options.images, 3, 32, 32, generator=draw, dtype=torch.float64)
    return chain, images, torch.randint(10, (options.images,), generator=draw)


def _form(name: str) -> "Callable[[Chain, Tensor, Tensor], Tensor]":
    from benchmarks.harness.naive_spectrum import kept_graphs, naive

    return {"ours": _ours, "kept_graphs": kept_graphs, "naive": naive}[name]


def _ours(chain: "Chain", images: "Tensor", labels: "Tensor") -> "Tensor":
    from analysis.paths.recording import record_chain
    from analysis.paths.spectrum import by_length

    return by_length(record_chain(chain, images, labels))


def table(result: dict[str, Any]) -> str:
    """Return the result as lines of at most 80 columns."""
    times = result["seconds"]
    lines = [
        f"ResNet-{result['depth']}, {result['images']} images, float64, {result['threads']} threads",
        f"exact spectrum                            {times['ours']:8.1f} s",
    ]
    if "naive" in times:
        lines += [
            f"one autograd.grad per block and length    {times['naive']:8.1f} s   {result['ratio']:.2f} times ours",
            f"  graphs kept, existing lengths only      {times['kept_graphs']:8.1f} s   "
            f"{result['ratio_kept_graphs']:.2f} times ours",
            f"largest difference of the results: {result['largest_difference']:.1e}",
        ]
    if result["other_load_cores"] >= 0.1:
        lines.append(f"other programs used {result['other_load_cores']:.1f} cores meanwhile")
    return "\n".join([*lines, f"peak memory of the process: {result['peak_memory_mib']} MiB"])


def main() -> None:
    with reporting():
        options = parse(Options, prog="python benchmarks/path_spectrum.py", description=DESCRIPTION)
        result = measure(options)
        print(json.dumps(result, indent=2) if options.json else table(result))


if __name__ == "__main__":
    main()
