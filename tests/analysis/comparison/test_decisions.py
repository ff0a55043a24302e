"""Decisions on arms: the rule, its exit codes, and how often it errs, by simulation."""

import json

import numpy as np
import pytest

from analysis.comparison.arms import summarise
from analysis.comparison.compare import compare
from analysis.comparison.decisions import decisions, exit_code

NORM = "model.block.norm_position"


def found(baseline, other, margin=0.0):
    trials = [
        {NORM: norm, "seed": seed, "status": "complete", "reason": None, "test/error": value}
        for norm, values in (("before_add", baseline), ("after_add", other))
        for seed, value in enumerate(values)
    ]
    rows = summarise(trials, arm=[NORM], context=[], baseline={NORM: "before_add"})
    return decisions(rows, compare(trials, rows, margin=margin))


BASE = (10.0, 11.0, 9.5, 10.2, 10.9)


@pytest.mark.parametrize(
    ("shift", "noise", "margin", "verdict", "code"),
    [
        (-5, 0.1, 0, "better", 0),
        (5, 0.1, 0, "worse", 1),
        (0, 0.1, 2, "equivalent", 1),
        (-0.5, 0.1, 2, "equivalent", 1),  # it is lower, by less than matters
        (0, 0.1, 0, "undecided", 3),
        (-1, 9, 0, "undecided", 3),
    ],
)
def test_an_arm_is_decided_by_its_seeds(shift, noise, margin, verdict, code):
    wobble = (1, -1, 0.5, -0.5, 0.2)
    answer = found(BASE, [b + shift + noise * w for b, w in zip(BASE, wobble, strict=True)], margin)
    (arm,) = json.loads(json.dumps(answer))
    assert (arm["verdict"], arm[NORM], arm["n"], arm["errs_at_most"]) == (verdict, "after_add", 5, 0.05)
    assert arm["interval"][0] < arm["difference"] < arm["interval"][1]
    assert exit_code(answer) == code


def test_one_seed_decides_nothing():
    (arm,) = answer = found(BASE[:1], [1.0])
    assert (arm["verdict"], arm["p_holm"], arm["interval"]) == ("undecided", None, [None, None])
    assert exit_code(answer) == exit_code([]) == 3


def test_it_errs_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(10, 1, (400, 2, 5))
    wrong = sum(found(*pair)[0]["verdict"] != "undecided" for pair in draws)
    assert 0.02 < wrong / 400 < 0.08
