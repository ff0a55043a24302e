"""The sentence of each context's largest effect: its direction, its interval, and what so many seeds decide."""

from analysis.comparison.arms import summarise
from analysis.tables.effect_words import headline, largest_effects


def rows_of(errors):
    """Arms a, b and c at two depths, by lists of errors a seed."""
    runs = [
        {"depth": depth, "arm": arm, "seed": seed, "trial": "", "status": "complete", "reason": None, "test/error": e}
        for (depth, arm), values in errors.items()
        for seed, e in enumerate(values)
    ]
    return summarise(runs, arm=["arm"], context=["depth"], baseline={"arm": "a"})


ERRORS = {
    (20, "a"): [5.0, 6.0, 5.5],
    (20, "b"): [50.0, 80.5, 45.0],
    (20, "c"): [5.1, 6.2, 5.2],
    (44, "a"): [5.0, 6.0, 5.5],
    (44, "b"): [4.0, 5.01, 4.5],
}


def test_a_large_effect_that_is_not_decided_is_said_with_its_interval_and_what_the_seeds_could_decide():
    shallow, deep = largest_effects(rows_of(ERRORS), {"arm": "a"})
    assert shallow.startswith("depth=20: arm=b seems worse, by +53.00 points [")
    assert "not decided, p 0.0" in shallow
    assert "3 seeds decide" in shallow
    assert "as the first of 3 comparisons" in shallow
    assert deep.startswith("depth=44: arm=b is better, by -1.00 points [")
    assert "decided, p <0.001 after Holm's correction" in deep


def test_the_headline_is_the_largest_of_all_contexts():
    assert headline(rows_of(ERRORS), {"arm": "a"}) == largest_effects(rows_of(ERRORS), {"arm": "a"})[0]


def test_without_a_pair_there_is_nothing_to_say():
    rows = rows_of({(20, "a"): [5.0]})
    assert largest_effects(rows, {"arm": "a"}) == []
    assert headline(rows, {"arm": "a"}) == "No arm can be compared with its baseline."
    one = rows_of({(20, "a"): [5.0], (20, "b"): [7.0]})
    assert largest_effects(one, {"arm": "a"}) == [
        "depth=20: arm=b seems worse, by +2.00 points: one pair of seeds, which decides nothing."
    ]
