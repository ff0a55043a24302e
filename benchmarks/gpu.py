"""Training on one GPU: step times, kernels, whole recipes, packed trials and the usual loop, as one JSON in 10 minutes.

python benchmarks/gpu.py                the measurements, on noise of CIFAR-10's shape
python benchmarks/gpu.py --full         and every iteration of ResNet-20's recipe, which is otherwise extrapolated
python benchmarks/gpu.py --full-deep    and every iteration of ResNet-110's
python benchmarks/gpu.py --compile      and steps through torch.compile
python benchmarks/gpu.py --only packed  one measurement; may be given several times
python benchmarks/gpu.py --smoke        every code path on a CPU in seconds, tiny, with a stand-in for CUDA graphs

Needs torch, torchvision (with NumPy and Pillow) and pydantic, which the specs are made of, and nothing else that the
project requires. Runs from a checkout: no installation. Targets on one H200 or H100, from the project's issue on GPUs:
ResNet-20's 64,000 iterations in 60 s, ResNet-110's in 300 s, packed at least 2 times one trial, and 10 times the usual
loop. Every measurement names its card. One that fails leaves its error in its place and what it had; one that would
begin after the deadline is skipped.
"""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

DEADLINE_S = 400  # no measurement begins later
TARGETS = {"resnet20_s": 60, "resnet110_s": 300, "packed_over_one": 2, "over_usual_loop": 10}
NAMES = ("equality", "step", "profile", "recipe", "packed", "usual_loop", "deep_recipe")


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--full", action="store_true", help="make all iterations of ResNet-20's recipe")
    parser.add_argument("--full-deep", action="store_true", help="make all iterations of ResNet-110's recipe")
    parser.add_argument("--only", action="append", choices=NAMES, help="measure this alone; default: all")
    parser.add_argument("--compile", action="store_true", help="time a step through torch.compile too")
    parser.add_argument("--smoke", action="store_true", help="run every code path, tiny, on the CPU")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="folder of the real CIFAR-10; default: noise")
    return parser.parse_args(argv)


def no_gpu() -> str:
    """Return the error message for a machine that has none."""
    import torch

    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    return (
        f"benchmarks/gpu.py found no NVIDIA GPU (torch {torch.__version__}, {built}, {torch.cuda.device_count()} "
        "devices): run it where nvidia-smi lists one and torch is built for CUDA, or give --smoke"
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the measurements in turn and return their results by name."""
    import torch

    from benchmarks.harness import gpu_measures
    from benchmarks.harness.gpu_bench import FULL_SIZE, SMOKE, Bench

    device = torch.device("cpu" if options.smoke else "cuda")
    scale = SMOKE if options.smoke else FULL_SIZE
    bench = Bench(scale, device, options.data_dir)
    depth = scale.spec.model.depth
    steps: dict[str, Callable[[dict[str, Any]], None]] = {
        "equality": lambda into: gpu_measures.equality(bench, into),
        "step": lambda into: gpu_measures.step_times(bench, into, compiled=options.compile),
        "profile": lambda into: gpu_measures.profile(bench, into),
        "recipe": lambda into: gpu_measures.recipe_time(
            bench, into, depth=depth, epochs=scale.epochs, full=options.full
        ),
        "packed": lambda into: gpu_measures.packed(bench, into),
        "usual_loop": lambda into: gpu_measures.usual_loop(bench, into),
        "deep_recipe": lambda into: gpu_measures.recipe_time(
            bench, into, depth=scale.deep, epochs=scale.deep_epochs, full=options.full_deep
        ),
    }
    result: dict[str, Any] = describe(device, smoke=options.smoke)
    start = time.perf_counter()
    for name, step in steps.items():
        if options.only and name not in options.only:
            continue
        before = time.perf_counter()
        result[name] = {"card": result["card"]}
        if before - start > DEADLINE_S:
            result[name]["skipped"] = "past the deadline"
        else:
            attempt(step, result[name])
        print(f"{name}: {time.perf_counter() - before:.1f} s", file=sys.stderr)
    result["seconds"] = round(time.perf_counter() - start, 1)
    return result | {"targets": TARGETS, "summary": summary(result)}


def describe(device: Any, *, smoke: bool) -> dict[str, Any]:
    import torch

    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "none: a stand-in on the CPU"
    return {"card": card, "torch": torch.__version__, "cuda": torch.version.cuda, "smoke": smoke}


def attempt(step: Callable[[dict[str, Any]], None], into: dict[str, Any]) -> None:
    """Make a measurement and keep what it had where it fails: time on a GPU is too scarce to lose the rest to it."""
    try:
        step(into)
    except Exception as error:
        traceback.print_exc()
        into["error"] = f"{type(error).__name__}: {error}"


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that have targets, and trials an hour of ResNet-20's recipe; None for what is not known."""
    packed, usual, recipe = (result.get(name, {}) for name in ("packed", "usual_loop", "recipe"))
    rates = packed.get("images_per_s", {})
    alone, best, loop = rates.get("1"), max(rates.values(), default=None), usual.get("images_per_s")
    images = packed.get("images_a_trial")

    def an_hour(rate: float | None) -> float | None:
        return round(3600 * rate / images, 2) if rate and images else None

    return {
        "card": result.get("card"),
        "resnet20_s": recipe.get("recipe_s"),
        "resnet110_s": result.get("deep_recipe", {}).get("recipe_s"),
        "packed_over_one": packed.get("best_over_one"),
        "over_usual_loop": round(alone / loop, 2) if alone and loop else None,
        "trials_an_hour_packed": an_hour(best),
        "trials_an_hour_one_by_one": an_hour(alone),
        "trials_an_hour_usual_loop": an_hour(loop),
    }


def errors_in(result: dict[str, Any]) -> list[str]:
    """Return the measurements that failed, or a part of which did."""
    return [
        name
        for name, part in result.items()
        if isinstance(part, dict) and any(key == "error" or key.endswith("_error") for key in part)
    ]


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    import torch

    if not options.smoke and not torch.cuda.is_available():
        print(no_gpu(), file=sys.stderr)
        return 2
    result = measure(options)
    print(json.dumps(result, indent=2))
    return 1 if errors_in(result) else 0


if __name__ == "__main__":
    sys.exit(main())
