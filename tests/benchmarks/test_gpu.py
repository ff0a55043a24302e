"""The GPU benchmark as a command: all of it on a CPU with a stand-in for graphs, and what it says without a GPU."""

import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import gpu
from benchmarks.harness import gpu_measures
from benchmarks.harness.gpu_bench import FULL_SIZE

ROOT = Path(__file__).parents[2]
# What a machine with torch alone lacks: importing any of these ends the command.
ABSENT = (
    "tyro",
    "mlflow",
    "optuna",
    "filelock",
    "safetensors",
    "psutil",
    "rich",
    "sklearn",
    "scipy",
    "pandas",
    "seaborn",
)
BARE = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({ABSENT}))  # None there says that it cannot be imported
sys.argv = ["gpu.py", *sys.argv[1:]]
runpy.run_path({str(ROOT / "benchmarks" / "gpu.py")!r}, run_name="__main__")
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", BARE, *arguments], capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
def test_every_measurement_runs_on_a_cpu_with_torch_alone_and_prints_one_json():
    done = run("--smoke", "--full")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["smoke"]
    assert result["equality"]["largest_difference_fp32"] == result["equality"]["largest_difference_bf16"] == 0
    precisions = ("bf16", "fp32")
    assert all(result["step"][f"{each}_{name}_ms"] > 0 for each in precisions for name in ("eager", "captured"))
    assert result["step"]["fp32_captured_by"].startswith("captured; torch")
    assert all(result["profile"][f"{each}_captured_kernels"] > 100 for each in precisions)
    assert all(result["profile"][f"{each}_captured_busy_us"] > 0 for each in precisions)
    assert {result[name]["card"] for name in gpu.NAMES} == {"none: a stand-in on the CPU"}
    assert (result["recipe"]["depth"], result["deep_recipe"]["depth"]) == (8, 14)
    assert result["recipe"]["measured"] == "in full"
    assert result["recipe"]["iterations_timed"] == result["recipe"]["iterations"] - 40
    assert "extrapolated" in result["deep_recipe"]["measured"]
    assert result["packed"]["over_one"].keys() == {"1", "2"}
    assert result["summary"].pop("card") == result["card"]
    assert all(value > 0 for value in result["summary"].values())
    assert result["summary"].keys() > result["targets"].keys()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_what_was_found_and_what_would_work():
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "found no NVIDIA GPU" in done.stderr
    assert "--smoke" in done.stderr


def test_a_measurement_that_fails_keeps_what_it_had_and_leaves_the_others(capsys):
    def fail(into):
        into["bf16_eager_ms"] = 1.0
        raise RuntimeError("no memory")

    kept = {"card": "H100"}
    gpu.attempt(fail, kept)
    assert kept == {"card": "H100", "bf16_eager_ms": 1.0, "error": "RuntimeError: no memory"}
    assert "Traceback" in capsys.readouterr().err
    lost = {"recipe": {"error": ""}, "deep_recipe": {"skipped": ""}, "packed": {"tf32_fused_error": ""}}
    assert set(gpu.summary(lost).values()) == {None}
    assert gpu.errors_in({**lost, "seconds": 1.0}) == ["recipe", "packed"]


def test_packed_keeps_the_rates_that_the_memory_allowed(monkeypatch):
    class Full:
        def __init__(self, *_):
            pass

        def rate(self, count, _):
            if count > 2:
                raise torch.OutOfMemoryError("full")
            return 100.0 * count

    monkeypatch.setattr(gpu_measures, "ConcurrentSessions", Full)
    bench = SimpleNamespace(scale=FULL_SIZE, data=None, device=None, recorder=None, memory=lambda _: nullcontext())
    gpu_measures.packed(bench, found := {})
    assert (found["images_per_s"], found["best_over_one"]) == ({"1": 100.0, "2": 200.0}, 2.0)
    assert found["out_of_memory_at"] == 3
    an_hour = {name: value for name, value in gpu.summary({"packed": found}).items() if name.startswith("trials")}
    assert list(an_hour.values()) == [0.09, 0.04, None]


def test_busy_time_counts_what_overlaps_once():
    assert gpu_measures.busy([(5.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.5, 2.0)]) == 4.0


def test_the_full_size_is_the_published_recipe():
    spec = FULL_SIZE.spec
    assert (spec.model.depth, FULL_SIZE.deep, spec.recipe.iterations, spec.recipe.batch_size) == (20, 110, 64_000, 128)
    assert spec.data.name == "cifar10"
    assert FULL_SIZE.counts == (1, 2, 3, 4, 8)
