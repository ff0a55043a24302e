"""Answers to a study's claims: held, refuted, or underpowered with the seeds that an answer would take.

A claim is tested twice, one-sided at 5 %: that it holds, against every truth in which it does not, and the reverse. So
of studies with a false claim at most 5 % say that one is held, and of those with a true one at most 5 % that one is
refuted; Holm's correction (1979) over the study's claims keeps both for all of them together. What neither test
decides is underpowered, never held: a claim takes evidence, not its absence.

Where both arms have seeds in common, the tests are paired t tests; where they have none, Welch's. A diverged seed is
the worst outcome there is, so that means are withheld: the exact signed ranks (rank sums) of the differences beyond the
bound decide in their place, with infinity the worst, and nothing is equivalent.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from analysis.comparison.arms import WITHHELD, contrast_of, withheld_by
from analysis.results.claim import Claim, ClaimKind
from analysis.results.plain import none_if_nan
from analysis.results.trials import TrialRow, outcomes_by_repeat
from analysis.stats.contrast import Contrast, rank_sum_p
from analysis.stats.failures import direction, paired_differences, signed_rank_p
from analysis.stats.intervals import Interval, holm
from analysis.stats.power import first_step, seeds_for_equivalence, seeds_needed
from resnet_lab.metrics import TEST_ERROR

ALPHA = 0.05
"""Of each of a claim's two tests."""
SHOWN = 1 - 2 * ALPHA
"""Confidence of the interval whose limits are those of two one-sided tests."""


class Answer(StrEnum):
    HELD = "held"
    REFUTED = "refuted"
    UNDERPOWERED = "underpowered"


EXIT_CODES = {Answer.REFUTED: 1, Answer.UNDERPOWERED: 3, Answer.HELD: 0}
"""The first that occurs among a study's claims is the code that its command ends with; 2 is a mistake of the user's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One claim with its answer; differences are arm minus baseline in points of test error."""

    claim: Claim
    answer: Answer
    n: int
    """Seeds with an outcome in both arms; where they share none, those of the smaller arm."""
    is_paired: bool
    interval: Interval
    """Mean difference with its 90 % limits, nan where withheld or not defined."""
    p_held: float
    """Holm-corrected p against the claim being false."""
    p_refuted: float
    """Holm-corrected p against the claim being true."""
    seeds: int | None
    """Seeds an arm that an answer takes, with the claim's power, if difference and spread are those seen; None for a
    claim that is answered, and where they say nothing. With diverged seeds the least with which ranks can answer."""
    remark: str
    """What stands in the way of a t test, such as `3 of 5 diverged`."""


def check(trials: Sequence[TrialRow], claims: Sequence[Claim], metric: str = TEST_ERROR) -> list[Answered]:
    """Answer every claim, in their order, from the trials of a study.

    Claims are those of plan.json, with complete cells. Raises UserError for two complete trials of one cell and seed.
    """
    evidence = [weigh(trials, claim, metric) for claim in claims]
    alpha = first_step(ALPHA, len(claims))
    return [_answered(found, decision, alpha) for found, decision in zip(evidence, decide(evidence), strict=True)]


def exit_code(answered: Sequence[Answered]) -> int:
    """Return 0 where every claim is held, 1 where one is refuted, else 3."""
    answers = {each.answer for each in answered}
    return next((code for answer, code in EXIT_CODES.items() if answer in answers), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the trials say of one claim, before any correction."""

    claim: Claim
    n: int
    is_paired: bool
    contrast: Contrast | None
    """None where seeds diverged, or are too few."""
    lost: str
    p_held: float
    p_refuted: float


def weigh(trials: Sequence[TrialRow], claim: Claim, metric: str) -> Evidence:
    """Return what the trials say of a claim. Raises UserError for two complete trials of one cell and seed."""
    own, other = (_outcomes(trials, cell, metric) for cell in (claim.arm, claim.baseline))
    lost, contrast = withheld_by(own, other), None
    if lost:
        p_held, p_refuted = _by_ranks(own, other, claim)
    else:
        contrast = contrast_of(own, other)
        p_held, p_refuted = _by_t(contrast, claim) if contrast else (math.nan, math.nan)
    shared = len(own.keys() & other.keys())
    n = shared or min(len(own), len(other))
    return Evidence(
        claim=claim, n=n, is_paired=bool(shared), contrast=contrast, lost=lost, p_held=p_held, p_refuted=p_refuted
    )


def _outcomes(trials: Sequence[TrialRow], cell: Mapping[str, Any], metric: str) -> dict[int, float]:
    return outcomes_by_repeat([trial for trial in trials if all(trial[n] == v for n, v in cell.items())], metric)


def _by_t(contrast: Contrast, claim: Claim) -> tuple[float, float]:
    """Return the p of both tests; that a difference is beyond a margin on either side takes twice the lesser p."""
    above, below = contrast.p_above(claim.margin), contrast.p_below(claim.margin)
    if claim.kind == ClaimKind.WORSE_THAN:
        return above, below
    return max(below, contrast.p_above(-claim.margin)), 2 * min(above, contrast.p_below(-claim.margin))


def _by_ranks(own: Mapping[int, float], other: Mapping[int, float], claim: Claim) -> tuple[float, float]:
    above, below = rank_p(own, other, claim.margin), rank_p(other, own, -claim.margin)
    if claim.kind == ClaimKind.WORSE_THAN:
        return above, below
    return 1.0, 2 * min(above, rank_p(other, own, claim.margin))


def rank_p(own: Mapping[int, float], other: Mapping[int, float], bound: float) -> float:
    """Return the one-sided exact p against own outcomes that exceed the others' by no more than `bound`.

    Signed ranks where they share seeds, rank sums where not; infinity is the worst.
    """
    if not own.keys() & other.keys():
        return rank_sum_p([value - bound for value in own.values()], list(other.values()), alternative="greater")
    beyond = [difference - bound for difference in paired_differences(own, other)]
    p = signed_rank_p(beyond)
    return p / 2 if direction(beyond) > 0 else 1 - p / 2


class Decision(NamedTuple):
    """An answer with the Holm-corrected p of both tests."""

    answer: Answer
    p_held: float
    p_refuted: float


def decide(evidence: Sequence[Evidence]) -> list[Decision]:
    """Answer all claims of a study together. One that cannot be tested has p = 1 and counts: it was planned."""
    held, refuted = (
        holm([1.0 if math.isnan(p) else min(p, 1.0) for p in values])
        for values in ([each.p_held for each in evidence], [each.p_refuted for each in evidence])
    )
    return [Decision(_answer(p, q), p, q) for p, q in zip(held, refuted, strict=True)]


def _answer(p_held: float, p_refuted: float) -> Answer:
    if min(p_held, p_refuted) > ALPHA:
        return Answer.UNDERPOWERED
    return Answer.HELD if p_held < p_refuted else Answer.REFUTED


def _answered(found: Evidence, decision: Decision, alpha: float) -> Answered:
    return Answered(
        claim=found.claim,
        answer=decision.answer,
        n=found.n,
        is_paired=found.is_paired,
        interval=found.contrast.interval(SHOWN) if found.contrast else WITHHELD,
        p_held=decision.p_held,
        p_refuted=decision.p_refuted,
        seeds=_seeds(found, alpha) if decision.answer == Answer.UNDERPOWERED else None,
        remark=_remark(found),
    )


def _remark(found: Evidence) -> str:
    if found.lost:
        return found.lost
    if found.contrast is None:
        return "no trial has ended" if not found.n else "one seed has no spread"
    return "every seed gave the same difference, of which no t test is defined" if not found.contrast.error else ""


def _seeds(found: Evidence, alpha: float) -> int | None:
    """Return the seeds that an answer takes at the first step of Holm's correction, None where nothing says it."""
    if found.lost:
        return _rank_floor(found, alpha)
    claim, seen = found.claim, found.contrast
    if seen is None or not seen.error:
        return None
    try:
        if claim.kind == ClaimKind.WORSE_THAN:  # one of the two tails of a two-sided test
            return seeds_needed(seen.mean - claim.margin, seen.sd, kind=seen.kind, alpha=2 * alpha, wanted=claim.power)
        beyond = abs(seen.mean) - claim.margin
        if beyond > 0:
            return seeds_needed(beyond, seen.sd, kind=seen.kind, alpha=alpha, wanted=claim.power)
        return seeds_for_equivalence(seen.mean, seen.sd, claim.margin, kind=seen.kind, alpha=alpha, wanted=claim.power)
    except ValueError:  # the estimate lies on the bound, or so near that no one could run the seeds
        return None


def _rank_floor(found: Evidence, alpha: float) -> int | None:
    """Return with how many pairs the signed ranks can reach their level at all, all of them on one side."""
    level = alpha if found.claim.kind == ClaimKind.WORSE_THAN else alpha / 2
    floor = math.ceil(-math.log2(level))
    return floor if found.is_paired and floor > found.n else None


def as_dict(answered: Answered) -> dict[str, Any]:
    """Return a claim and its answer as JSON takes them; nan as None."""
    limits = answered.interval
    numbers = {
        "difference": limits.mean,
        "difference_low": limits.low,
        "difference_high": limits.high,
        "p_held": answered.p_held,
        "p_refuted": answered.p_refuted,
    }
    return {
        **answered.claim.as_dict(),
        "answer": answered.answer.value,
        "n": answered.n,
        "paired": answered.is_paired,
        **{name: none_if_nan(value) for name, value in numbers.items()},
        "seeds_needed": answered.seeds,
        "remark": answered.remark,
    }
