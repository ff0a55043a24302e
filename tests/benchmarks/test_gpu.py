"""The GPU benchmark as a command: all of it on a CPU with a stand-in for graphs, and what it says without a GPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
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
    assert all(result["step"][f"{name}_ms"] > 0 for name in ("eager", "captured"))
    assert (result["recipe"]["depth"], result["deep_recipe"]["depth"]) == (8, 14)
    assert result["recipe"]["measured"] == "in full"
    assert result["recipe"]["iterations_timed"] == result["recipe"]["iterations"] - 40
    assert "extrapolated" in result["deep_recipe"]["measured"]
    assert result["packed"]["over_one"].keys() == {"1", "2"}
    assert all(value > 0 for value in result["summary"].values())
    assert result["summary"].keys() == result["targets"].keys()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_what_was_found_and_what_would_work():
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "found no NVIDIA GPU" in done.stderr
    assert "--smoke" in done.stderr


def test_a_measurement_that_fails_leaves_the_others(capsys):
    def fail():
        raise RuntimeError("no memory")

    assert gpu.attempt(fail) == {"error": "RuntimeError: no memory"}
    assert gpu.attempt(lambda: {"a": 1}) == {"a": 1}
    assert "Traceback" in capsys.readouterr().err
    lost = {"recipe": {"error": ""}, "deep_recipe": {"skipped": ""}, "packed": {"error": ""}, "usual_loop": {}}
    assert set(gpu.summary(lost).values()) == {None}


def test_the_full_size_is_the_published_recipe():
    spec = FULL_SIZE.spec
    assert (spec.model.depth, FULL_SIZE.deep, spec.recipe.iterations, spec.recipe.batch_size) == (20, 110, 64_000, 128)
    assert spec.data.name == "cifar10"
    assert FULL_SIZE.counts == (1, 2, 4, 8, 16)
