"""The proof of pairing: equal digests, differing ones with their reason, and none at all."""

import pytest

from analysis.comparison.pairing import Recorded, pairing
from analysis.tables.pairing_words import pairing_lines

START = {"order": "0", "first_batch": "1", "parameters": {"stem": "4x1 aa", "fc": "10x4 bb", "norm": "4 cc"}}
FIELDS = {"data.name": "digits", "recipe.batch_size": 32, "model.block.branch_init": "normal", "model.depth": 8}
ENV = {"code_sha256": "x", "data": {"sha256": "d"}, "packages": {"torch": "2.11"}}


def start(**changes):
    return START | changes


def found(arm_start, *, fields=None, environment=None, seeds=(0, 1)):
    """The pairing of two arms, the second of which starts so."""
    runs, recorded = [], {}
    for seed in seeds:
        for arm in ("base", "other"):
            name = f"{arm}-{seed}"
            runs.append({"model.depth": 8, "arm": arm, "seed": seed, "trial": name})
            own = arm == "other"
            recorded[name] = Recorded(
                start=arm_start if own else START,
                fields=FIELDS | (fields or {}) if own else FIELDS,
                environment=ENV | (environment or {}) if own else ENV,
            )
    return pairing(runs, recorded, arm=("arm",), context=("model.depth",), baseline={"arm": "base"})


def test_equal_digests_prove_it_over_the_parameters_that_both_have():
    parameters = {"stem": "4x1 aa", "fc": "10x8 other shape", "extra": "4 dd"}
    proved = found(start(parameters=parameters))
    assert (proved.trials, proved.compared, proved.shared, proved.unpaired) == (4, 2, (1, 1), ())
    (line,) = pairing_lines(proved)
    assert line.startswith("Pairing: all arms of a seed saw the same images in the same order")
    assert "(1 by name and shape): the digests that 4 trials recorded" in line


@pytest.mark.parametrize(
    ("arm_start", "more", "words"),
    [
        (
            start(first_batch="2"),
            {"fields": {"recipe.batch_size": 64}},
            "not the baseline's first mini-batch: recipe.batch_size=64 where the baseline has 32.",
        ),
        (
            start(order="9"),
            {"environment": {"data": {"sha256": "e"}}},
            "not the baseline's order of the first epoch: their images differ (SHA-256 of the data).",
        ),
        (
            start(parameters={"stem": "4x1 aa", "norm": "4 zz"}),
            {"fields": {"model.block.branch_init": "zero_last"}},
            "1 of 2 shared parameters, such as norm: model.block.branch_init=zero_last where the baseline has normal.",
        ),
        (
            start(parameters={"stem": "4x1 zz"}),
            {"environment": {"code_sha256": "y", "packages": {"torch": "2.12"}}},
            "they were trained by different versions of the code, torch 2.12 and 2.11.",
        ),
        (start(first_batch="2"), {}, "first mini-batch: no recorded field explains it."),
    ],
)
def test_differing_digests_are_a_warning_with_the_reason(arm_start, more, words):
    (line,) = pairing_lines(found(arm_start, **more))
    assert line.startswith("WARNING, not paired: depth=8, arm=other, seeds 0, 1: ")
    assert line.endswith(words)


def test_trials_of_earlier_versions_are_counted_and_prove_nothing():
    old = found({})
    assert (old.unrecorded, old.compared) == (2, 0)
    assert pairing_lines(old) == [
        "Pairing: 2 of 4 trials recorded no digests of their start, for they are of an earlier version: of them it is"
        " not proved."
    ]
    none = pairing([], {}, arm=("arm",), context=(), baseline={"arm": "base"})
    assert pairing_lines(none) == []
