"""Answers to claims: known cases, and the error rates and the power that they promise, by simulation."""

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import stats

from analysis.comparison.claims import ALPHA, Answer, as_dict, check, decide, exit_code, weigh
from analysis.results.claim import Claim, ClaimKind

ARM, INF = "model.block.norm_position", math.inf


def claim(kind=ClaimKind.WORSE_THAN, margin=1.0, arm="after_add", power=0.8):
    return Claim(kind=kind, arm={ARM: arm}, baseline={ARM: "before_add"}, margin=margin, power=power)


def trials(**arms):
    """Return a trial for each outcome of each arm, seeds from 0 on, or `{seed: outcome}`; infinity diverged."""
    rows = []
    for arm, outcomes in arms.items():
        by_seed = outcomes if isinstance(outcomes, dict) else dict(enumerate(outcomes))
        for seed, value in by_seed.items():
            lost = (
                {"status": "failed", "reason": "diverged"} if value == INF else {"status": "complete", "reason": None}
            )
            rows.append({ARM: arm, "seed": seed, "test/error": value, **lost})
    return rows


def one(kind, margin, own, other):
    return check(trials(after_add=own, before_add=other), [claim(kind, margin)])[0]


WORSE, EQUIVALENT = ClaimKind.WORSE_THAN, ClaimKind.EQUIVALENT
BASE = [5.0, 5.2, 4.9, 5.1, 5.3]


@pytest.mark.parametrize(
    ("kind", "margin", "shift", "answer"),
    [
        (WORSE, 1.0, 3.0, Answer.HELD),
        (WORSE, 0.0, 3.0, Answer.HELD),
        (WORSE, 1.0, 1.1, Answer.UNDERPOWERED),
        (WORSE, 1.0, 0.2, Answer.REFUTED),
        (WORSE, 0.0, -0.5, Answer.REFUTED),
        (EQUIVALENT, 1.0, 0.1, Answer.HELD),
        (EQUIVALENT, 1.0, -0.1, Answer.HELD),
        (EQUIVALENT, 0.3, 0.2, Answer.UNDERPOWERED),
        (EQUIVALENT, 0.3, 2.0, Answer.REFUTED),
        (EQUIVALENT, 0.3, -2.0, Answer.REFUTED),
    ],
)
def test_known_answers(kind, margin, shift, answer):
    noise = [0.1, -0.2, 0.15, -0.1, 0.05]
    found = one(kind, margin, [b + shift + e for b, e in zip(BASE, noise, strict=True)], BASE)
    assert found.answer == answer
    assert found.interval.mean == pytest.approx(shift)
    assert (found.seeds is not None) == (answer == Answer.UNDERPOWERED)
    tested = stats.ttest_1samp([shift + e for e in noise], margin, alternative="greater").pvalue
    if kind == WORSE:
        assert (found.p_held, found.p_refuted) == (pytest.approx(tested), pytest.approx(1 - tested))


def test_the_interval_belongs_to_the_test():
    """Held exactly where the 90 % interval lies beyond the bound: two one-sided tests at 5 %."""
    rng = np.random.default_rng(2)
    for own in rng.normal(6.5, 0.4, (50, 5)).tolist():
        found = one(WORSE, 1.0, own, BASE)
        assert (found.answer == Answer.HELD) == (found.interval.low > 1.0)
        assert (found.answer == Answer.REFUTED) == (found.interval.high < 1.0)


def simulated(kind, margin, shift, n, studies, claims=1):
    """Return the shares of studies in which any of several claims on as many arms is held, and refuted."""
    rng = np.random.default_rng([n, claims, int(10 * shift)])
    asked = [claim(kind, margin, arm=f"arm{i}") for i in range(claims)]
    held = refuted = 0
    for _ in range(studies):
        base = rng.normal(5, 0.3, n)
        arms = {f"arm{i}": (base + shift + rng.normal(0, 0.5, n)).tolist() for i in range(claims)}
        rows = trials(before_add=base.tolist(), **arms)
        answers = {each.answer for each in decide([weigh(rows, one, "test/error") for one in asked])}
        held, refuted = held + (Answer.HELD in answers), refuted + (Answer.REFUTED in answers)
    return held / studies, refuted / studies


@pytest.mark.parametrize("kind", list(ClaimKind))
@pytest.mark.parametrize(("n", "claims"), [(3, 1), (5, 1), (10, 1), (5, 3)])
def test_at_the_bound_a_claim_is_held_and_refuted_in_at_most_5_of_100_studies(kind, n, claims):
    """There each is an error, and as frequent as it can be."""
    studies = 1_000
    held, refuted = simulated(kind, 1.0, 1.0, n, studies, claims)
    limit = ALPHA + 2.6 * math.sqrt(ALPHA * (1 - ALPHA) / studies)
    assert held <= limit
    assert refuted <= limit
    if kind == WORSE and claims == 1:
        assert min(held, refuted) >= ALPHA - 2.6 * math.sqrt(ALPHA * (1 - ALPHA) / studies)  # and no rarer


@pytest.mark.parametrize(("kind", "shift"), [(WORSE, 1.6), (WORSE, 0.4), (EQUIVALENT, 0.3), (EQUIVALENT, 1.8)])
def test_the_seeds_named_give_an_answer_with_the_power_asked_for(kind, shift):
    """The seeds are those of the difference and the spread seen: three differences of exactly the true ones."""
    seen = [shift - 0.5, shift, shift + 0.5]  # an sd of 0.5
    found = one(kind, 1.0, [5 + d for d in seen], [5.0, 5.0, 5.0])
    assert found.answer == Answer.UNDERPOWERED
    answered = simulated(kind, 1.0, shift, found.seeds, 1_000)
    rate = answered[0] if (shift > 1) == (kind == WORSE) else answered[1]
    assert rate >= 0.8 - 2.6 * math.sqrt(0.16 / 1_000)
    assert found.seeds < 30


def test_holm_holds_the_errors_of_all_claims_and_counts_those_without_data():
    own = [b + 1.7 for b in BASE[:4]] + [7.4]
    rows = trials(after_add=own, before_add=BASE)
    (alone,) = check(rows, [claim()])
    both = check(rows, [claim(), claim(arm="never_run")])
    assert both[0].p_held == pytest.approx(2 * alone.p_held)
    assert (both[1].answer, both[1].n, both[1].seeds, both[1].remark) == (
        Answer.UNDERPOWERED,
        0,
        None,
        "no trial has ended",
    )


def test_a_diverged_seed_is_the_worst_outcome_and_no_mean_is_made_without_it():
    """Three of five diverged, the survivors better: never refuted by the survivors, never held by a mean."""
    found = one(WORSE, 0.0, [INF, INF, INF, 4.9, 4.8], BASE)
    assert (found.answer, found.remark) == (Answer.UNDERPOWERED, "3 of 5 diverged")
    assert math.isnan(found.interval.mean)
    assert one(WORSE, 1.0, [INF] * 5, BASE).answer == Answer.HELD  # 2^-5
    assert one(EQUIVALENT, 1.0, [INF, *BASE[1:]], BASE).answer == Answer.UNDERPOWERED
    assert one(EQUIVALENT, 1.0, [INF] * 6, [*BASE, 5.0]).answer == Answer.REFUTED  # 2 * 2^-6
    few = one(WORSE, 1.0, [INF] * 3, BASE[:3])
    assert (few.answer, few.seeds) == (Answer.UNDERPOWERED, 5)
    assert one(WORSE, 1.0, BASE, [INF] * 5).answer == Answer.REFUTED


@pytest.mark.parametrize("failing", [0.2, 0.5])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_arms_that_fail_alike_are_called_worse_in_at_most_5_of_100_studies(n, failing):
    rng, studies, held = np.random.default_rng(n), 500, 0
    for _ in range(studies):
        own, other = (np.where(rng.random(n) < failing, INF, rng.normal(5, 0.3, n)).tolist() for _ in range(2))
        (found,) = decide([weigh(trials(after_add=own, before_add=other), claim(margin=0.0), "test/error")])
        held += found.answer == Answer.HELD
    assert held / studies <= ALPHA + 2.6 * math.sqrt(ALPHA * (1 - ALPHA) / studies)


def test_arms_without_a_shared_seed_are_compared_by_welch_and_rank_sums():
    own, other = {10: 7.1, 11: 7.3, 12: 7.0}, dict(enumerate(BASE))
    found = one(WORSE, 1.0, own, other)
    assert (found.answer, found.is_paired, found.n) == (Answer.HELD, False, 3)
    shifted = [value - 1.0 for value in own.values()]
    assert found.p_held == pytest.approx(stats.ttest_ind(shifted, BASE, equal_var=False, alternative="greater").pvalue)
    lost = one(WORSE, 1.0, {10: INF, 11: INF, 12: 9.0}, other)
    assert (lost.answer, lost.remark) == (Answer.HELD, "2 of 3 diverged")
    assert lost.p_held == pytest.approx(1 / math.comb(8, 3))


@pytest.mark.parametrize(
    ("own", "remark"),
    [([6.0, 6.2, 5.9, 6.1, 6.3], "every seed gave the same difference"), ([6.0], "one seed has no spread")],
)
def test_what_cannot_be_tested_is_underpowered_and_says_why(own, remark):
    found = one(WORSE, 0.0, own, BASE)
    assert (found.answer, found.seeds) == (Answer.UNDERPOWERED, None)
    assert remark in found.remark


def test_exit_codes_and_json():
    found = one(WORSE, 1.0, [b + 3 + e for b, e in zip(BASE, [0.1, -0.1, 0.2, 0.0, -0.2], strict=True)], BASE)
    answers = {answer: dataclasses.replace(found, answer=answer) for answer in Answer}
    assert exit_code([]) == exit_code([answers[Answer.HELD]]) == 0
    assert exit_code([answers[Answer.HELD], answers[Answer.UNDERPOWERED]]) == 3
    assert exit_code(list(answers.values())) == 1
    content = json.loads(json.dumps(as_dict(found)))
    assert (content["answer"], content["kind"], content["n"]) == ("held", "worse_than", 5)
    undefined = as_dict(one(WORSE, 1.0, [INF] * 3, BASE[:3]))
    assert (undefined["difference"], undefined["seeds_needed"]) == (None, 5)
