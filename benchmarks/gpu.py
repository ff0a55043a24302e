"""Training on one GPU: captured steps, whole recipes, packed trials and the usual loop, as one JSON in 8 minutes.

python benchmarks/gpu.py                the measurements, on noise of CIFAR-10's shape
python benchmarks/gpu.py --full         and every iteration of ResNet-20's recipe, which is otherwise extrapolated
python benchmarks/gpu.py --compile      and a step through torch.compile
python benchmarks/gpu.py --smoke        every code path on a CPU in seconds, tiny, with a stand-in for CUDA graphs

Needs torch, torchvision (with NumPy and Pillow) and pydantic, which the specs are made of, and nothing else that the
project requires. Runs from a checkout: no installation. Targets on one H200 or H100, from the project's issue on speed:
ResNet-20's 64,000 iterations in 60 s, ResNet-110's in 360 s, packed at least 3 times one trial, and 10 times the usual
loop. A measurement that fails leaves its error in its place; one that would begin after the deadline is skipped.
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
TARGETS = {"resnet20_s": 60, "resnet110_s": 360, "packed_over_one": 3, "over_usual_loop": 10}


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--full", action="store_true", help="make all iterations of ResNet-20's recipe")
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
    steps: dict[str, Callable[[], dict[str, Any]]] = {
        "equality": lambda: gpu_measures.equality(bench),
        "step": lambda: gpu_measures.step_times(bench, compiled=options.compile),
        "recipe": lambda: gpu_measures.recipe_time(bench, depth=depth, epochs=scale.epochs, full=options.full),
        "packed": lambda: gpu_measures.packed(bench),
        "usual_loop": lambda: gpu_measures.usual_loop(bench),
        "deep_recipe": lambda: gpu_measures.recipe_time(bench, depth=scale.deep, epochs=scale.deep_epochs, full=False),
    }
    result: dict[str, Any] = describe(device, smoke=options.smoke)
    start = time.perf_counter()
    for name, step in steps.items():
        before = time.perf_counter()
        result[name] = {"skipped": "past the deadline"} if before - start > DEADLINE_S else attempt(step)
        print(f"{name}: {time.perf_counter() - before:.1f} s", file=sys.stderr)
    result["seconds"] = round(time.perf_counter() - start, 1)
    return result | {"targets": TARGETS, "summary": summary(result)}


def describe(device: Any, *, smoke: bool) -> dict[str, Any]:
    import torch

    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"gpu": gpu, "torch": torch.__version__, "cuda": torch.version.cuda, "smoke": smoke}


def attempt(step: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a measurement's result, or its error: time on a GPU is too scarce to lose the rest to it."""
    try:
        return step()
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


def summary(result: dict[str, Any]) -> dict[str, float | None]:
    """Return the figures that have targets; None where a measurement has none."""
    packed, usual = result["packed"], result["usual_loop"]
    alone = packed.get("images_per_s", {}).get("1")
    ratio = round(alone / usual["images_per_s"], 2) if alone and "images_per_s" in usual else None
    return {
        "resnet20_s": result["recipe"].get("recipe_s"),
        "resnet110_s": result["deep_recipe"].get("recipe_s"),
        "packed_over_one": packed.get("best_over_one"),
        "over_usual_loop": ratio,
    }


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    import torch

    if not options.smoke and not torch.cuda.is_available():
        print(no_gpu(), file=sys.stderr)
        return 2
    result = measure(options)
    print(json.dumps(result, indent=2))
    failed = [name for name, part in result.items() if isinstance(part, dict) and "error" in part]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
