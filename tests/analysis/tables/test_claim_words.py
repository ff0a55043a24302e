"""Claims and answers in words."""

import math

import pytest

from analysis.comparison.claims import Answer, Answered
from analysis.results.claim import Claim, ClaimKind
from analysis.stats.intervals import Interval
from analysis.tables.claim_words import content, evidence, statement, takes, text

NORM, ACT, DEPTH = "model.block.norm_position", "model.block.act_position", "model.depth"
BASE = {DEPTH: 44, NORM: "before_add", ACT: "after_add"}


def claim(kind=ClaimKind.WORSE_THAN, margin=1.0, **changes):
    arm = BASE | {{"norm": NORM, "act": ACT, "depth": DEPTH}[name]: value for name, value in changes.items()}
    return Claim(kind=kind, arm=arm, baseline=BASE, margin=margin, power=0.8)


def answered(answer, **changes):
    values = {
        "claim": claim(norm="after_add"),
        "n": 3,
        "is_paired": True,
        "interval": Interval(3.0, 2.0, 4.0),
        "p_held": 0.012,
        "p_refuted": 0.988,
        "seeds": None,
        "remark": "",
    }
    return Answered(answer=answer, **values | changes)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            claim(norm="after_add"),
            "depth=44, act_position=after_add: norm_position=after_add is worse than norm_position=before_add by more "
            "than 1 point",
        ),
        (claim(norm="after_add", margin=0.0), "is worse than norm_position=before_add"),
        (
            claim(ClaimKind.EQUIVALENT, 0.5, act="none"),
            "act_position=none is equivalent to act_position=after_add within 0.5",
        ),
        (
            claim(depth=56, norm="after_add"),
            "depth=56, norm_position=after_add is worse than depth=44, norm_position=before",
        ),
    ],
)
def test_a_claim_names_what_differs_and_what_is_common(made, words):
    assert words in statement(made)


def test_an_answer_says_what_it_rests_on_and_what_it_takes():
    held = answered(Answer.HELD)
    assert evidence(held) == "+3.00 [2.00, 4.00], 3 pairs, p 0.012"
    assert takes(held) == ""
    assert evidence(answered(Answer.REFUTED, p_refuted=0.0001)).endswith("p <0.001")
    open_ = answered(Answer.UNDERPOWERED, seeds=1_200)
    assert takes(open_) == "1,200 seeds"
    assert takes(answered(Answer.UNDERPOWERED)) == "no number of seeds can be named"
    withheld = {"interval": Interval(math.nan, math.nan, math.nan), "remark": "3 of 5 diverged", "n": 5}
    lost = answered(Answer.UNDERPOWERED, seeds=6, **withheld)
    assert evidence(lost) == "3 of 5 diverged, 5 pairs, p 0.012"
    assert takes(lost) == "6 seeds or more"


def test_the_text_counts_the_answers_and_fits_80_columns():
    every = [answered(Answer.HELD), answered(Answer.UNDERPOWERED, seeds=12)]
    shown = text(every, [claim(depth=110, norm="after_add")])
    assert shown.startswith("Claims: 1 held, 0 refuted, 1 underpowered.")
    assert "Holm-corrected over 2 claims" in shown
    assert "an answer takes 12 seeds" in " ".join(shown.split())
    assert "this launch lacks a cell of it" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80
    assert [each["answer"] for each in content(every)] == ["held", "underpowered"]
