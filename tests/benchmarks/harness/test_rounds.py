"""The arithmetic of a comparison: known answers."""

import json

import pytest

from benchmarks.harness.rounds import Round, summarise, table

ROUNDS = (
    Round(engine=1000, reference={0: 400, 2: 500, 4: 300}, gemm_gflops=500),
    Round(engine=1200, reference={0: 400, 2: 300, 4: 300}, gemm_gflops=600, others=0.5),
    Round(engine=1100, reference={0: 100, 2: 200, 4: 440}, gemm_gflops=550, others=0.25),
)
MACHINE = {"precision": "bf16", "processor": "a processor", "engine_processes": 2}


def test_each_round_is_measured_against_the_best_number_of_loader_workers():
    assert [turn.best_workers for turn in ROUNDS] == [2, 0, 4]
    assert [turn.ratio for turn in ROUNDS] == [2, 3, 2.5]


def test_a_summary_holds_medians_and_extremes():
    result = summarise(ROUNDS, forward_flops=80_000_000)
    assert (result["engine_images_per_s"], result["reference_images_per_s"]) == (1100, 440)
    assert (result["ratio"], result["ratio_min"], result["ratio_max"]) == (2.5, 2, 3)
    assert result["engine_gflops"] == pytest.approx(1100 * 3 * 0.08)
    assert result["gemm_gflops"] == 550
    assert result["gemm_share"] == pytest.approx(0.48)
    assert result["other_load_cores"] == 0.25
    assert result["rounds"][0]["reference_images_per_s"] == {"0": 400, "2": 500, "4": 300}
    assert json.loads(json.dumps(result)) == result


def test_the_table_fits_80_columns_and_says_that_the_machine_was_busy():
    busy = table(ROUNDS, MACHINE | summarise(ROUNDS, 80_000_000))
    assert all(len(line) <= 80 for line in busy.splitlines())
    assert "ratio 2.50 (median; 2.00 to 3.00): 1100 against 440 images/s" in busy
    assert "other programs used 0.2 cores" in busy
    quiet = ROUNDS[:1]
    assert "other programs" not in table(quiet, MACHINE | summarise(quiet, 80_000_000))
