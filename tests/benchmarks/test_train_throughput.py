"""The benchmark as a command: what it prints with tiny settings, and how it refuses bad ones. Nothing is timed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.engine_side import gemm_gflops
from benchmarks.harness.other_load import Snapshot, cores_used_by_others, snapshot
from benchmarks.train_throughput import Options, main
from resnet_lab.errors import UserError
from resnet_lab.spec import Precision

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "train_throughput.py"


def run(*arguments):
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_json_is_one_object_on_stdout_and_nothing_else():
    done = run("--dataset", "digits", "--depth", "8", "--rounds", "1", "--steps", "1", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    names = ("engine_images_per_s", "reference_images_per_s", "ratio", "engine_gflops", "gemm_gflops", "gemm_share")
    assert all(result[name] > 0 for name in names)
    assert len(result["rounds"]) == 1
    assert result["rounds"][0]["reference_images_per_s"].keys() == {"0", "2", "4"}
    assert (result["batch_size"], result["depth"], result["dataset"]) == (32, 8, "digits")
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rounds", "0"], "--rounds 0: it must be 1 or more"),
        (["--depth", "21"], "the nearest is 20 or 26"),
        (["--dataset", "mnist"], "mnist"),
        (["--dataset", "digits", "--batch-size", "2000"], "at most 1257"),
        (["--data-dir", "no-such-folder"], "no-such-folder"),
        (["--step", "3"], "--steps"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(capsys, arguments, words):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    printed = capsys.readouterr()
    assert (stop.value.code, printed.out) == (2, "")
    assert words in printed.err
    assert len(printed.err.splitlines()) == 1


def test_both_sides_take_the_batch_of_the_quick_study_unless_one_is_given():
    assert Options(dataset="cifar10").spec().recipe.batch_size == 128
    assert Options(dataset="digits").spec().recipe.batch_size == 32
    assert Options(dataset="digits", batch_size=64).spec().recipe.batch_size == 64
    with pytest.raises(UserError, match="--batch-size 0"):
        Options(batch_size=0)


def test_other_load_is_what_the_machine_did_beyond_our_processes():
    before, after = Snapshot(10.0, 100.0, 5.0), Snapshot(14.0, 107.0, 8.0)
    assert cores_used_by_others(before, after) == 1.0
    assert cores_used_by_others(before, Snapshot(14.0, 103.0, 8.1)) == 0.0
    now = snapshot()
    assert 0 < now.ours <= now.total


@pytest.mark.parametrize("precision", [Precision.AUTO, Precision.FP32, Precision.BF16])
def test_a_matrix_rate_is_measured_however_short_the_time(precision):
    assert gemm_gflops(precision, seconds=0, side=64) > 0
