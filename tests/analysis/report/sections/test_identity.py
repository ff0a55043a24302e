"""Warnings of what was mixed: processors that round differently, and where that is within a seed."""

import json
from types import SimpleNamespace

from analysis.report.sections.identity import _processors


def report(*trials):
    """Stand in for a report's data; a trial is (seed, env)."""
    return SimpleNamespace(
        environments={f"t{number}": env for number, (_, env) in enumerate(trials)},
        configs={f"t{number}": json.dumps({"seed": seed}) for number, (seed, _) in enumerate(trials)},
    )


def test_one_model_is_no_mixture_whatever_its_threads():
    one = [(0, {"processor": "Xeon 8481C (2 threads)"}), (1, {"processor": "Xeon 8481C (64 threads)"}), (2, {})]
    assert list(_processors(report(*one))) == []


def test_a_mixture_says_how_many_seeds_compare_arms_across_it():
    mixed = [(0, {"processor": "A (2 threads)"}), (0, {"processor": "A (2 threads)"}), (1, {"processor": "A"})]
    mixed.append((1, {"processor": "B (4 threads)"}))
    assert list(_processors(report(*mixed))) == [
        "WARNING: trials ran on 2 models of processors, which round differently (3 on A; 1 on B); of 2 seeds, 1 has "
        "arms on different ones."
    ]


def test_a_gpu_counts_before_the_processor_next_to_it():
    gpus = [(0, {"processor": "A", "gpu": "H100"}), (1, {"processor": "B", "gpu": "H100"})]
    assert list(_processors(report(*gpus))) == []
