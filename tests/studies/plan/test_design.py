"""Designs with known answers."""

import itertools

import numpy as np
import pytest

from resnet_lab.errors import UserError
from studies.plan.design import Design, levels_of, make_design
from studies.plan.fractional import alias_lines, matrix

ABC = {"a": (0, 1), "b": (0, 1), "c": (0, 1)}


def rows(kind, levels=ABC, **options):
    return [tuple(cell.values()) for cell in make_design(kind, levels, **options).cells]


def test_a_full_factorial_has_every_combination_baseline_first():
    assert rows(Design.FULL) == list(itertools.product((0, 1), repeat=3))


def test_one_factor_at_a_time_leaves_the_baseline_once():
    assert rows(Design.ONE_FACTOR, {"a": (0, 1, 2), "b": ("x", "y")}) == [(0, "x"), (1, "x"), (2, "x"), (0, "y")]


def test_add_one_in_and_leave_one_out_mirror_each_other():
    assert rows(Design.ADD_ONE_IN) == [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    out = make_design(Design.LEAVE_ONE_OUT, ABC)
    assert [tuple(cell.values()) for cell in out.cells] == [(1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
    assert out.baseline == {"a": 1, "b": 1, "c": 1}


def test_a_ladder_is_cumulative_and_climbs_in_other_orders_on_request():
    assert rows(Design.LADDER) == [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)]
    assert rows(Design.LADDER, {"a": (0, 1, 2), "b": (0, 1)}) == [(0, 0), (1, 0), (2, 0), (2, 1)]
    everything = rows(Design.LADDER, orders=6)
    assert set(everything) == set(itertools.product((0, 1), repeat=3))
    assert len(everything) == 8  # rungs shared by two orders run once


def test_a_half_fraction_of_three_factors_is_the_textbook_one():
    """2^(3-1), resolution III, defining relation I = +-ABC (Montgomery, section 8.2)."""
    design = make_design(Design.FRACTIONAL, ABC)
    signs = [[2 * value - 1 for value in cell.values()] for cell in design.cells]
    assert len(signs) == 4
    assert len({a * b * c for a, b, c in signs}) == 1
    assert {"a": 0, "b": 0, "c": 0} in design.cells
    assert design.aliases == ("a = - b x c", "b = - a x c", "c = - a x b")  # the baseline is a run: ABC = -1


def test_a_resolution_four_fraction_keeps_main_effects_clear_of_pairs():
    design = make_design(Design.FRACTIONAL, dict.fromkeys("abcd", (0, 1)), resolution=4)
    assert len(design.cells) == 8
    assert design.aliases == ("a x b = c x d", "a x c = b x d", "a x d = b x c")  # I = ABCD


def test_a_resolution_five_fraction_confounds_no_two_effects_of_order_one_or_two():
    assert make_design(Design.FRACTIONAL, dict.fromkeys("abcde", (0, 1)), resolution=5).aliases == ()


def test_the_sign_of_an_alias_is_that_of_the_runs():
    design = make_design(Design.FRACTIONAL, {f"f{i}": (0, 1) for i in range(7)})
    runs = [{name: 2 * value - 1 for name, value in cell.items()} for cell in design.cells]
    for line in design.aliases:
        name, *others = line.split(" = ")
        for other in others:
            one, two = other.removeprefix("- ").split(" x ")
            sign = -1 if other.startswith("- ") else 1
            assert all(run[name] == sign * run[one] * run[two] for run in runs), line
    assert len(design.aliases) == 7  # saturated: each main effect with three pairs, no pair left
    assert {line.count(" x ") for line in design.aliases} == {3}


LEAST_RUNS = {
    3: {3: 4} | dict.fromkeys((4, 5, 6, 7), 8) | dict.fromkeys(range(8, 16), 16),
    4: {4: 8} | dict.fromkeys((5, 6, 7, 8), 16) | dict.fromkeys(range(9, 16), 32),
    5: {5: 16, 6: 32, 7: 64, 8: 64} | dict.fromkeys((9, 10, 11), 128) | dict.fromkeys(range(12, 16), 256),
}
"""{resolution: {factors: runs}}: Montgomery, table 8.14; NIST/SEMATECH e-Handbook, section 5.3.3.4.7. Its 2^(7-1) and
2^(8-2) are the least of resolution V for 7 and 8 factors, 2^(11-4) for 9 to 11; 2^(17-9) has 17 factors."""


@pytest.mark.parametrize(
    ("resolution", "factors"), [(resolution, n) for resolution, row in LEAST_RUNS.items() for n in row]
)
def test_every_fraction_has_the_resolution_asked_for_and_the_least_runs(resolution, factors):
    names = [f"f{i}" for i in range(factors)]
    signs = np.array(matrix(False, factors, resolution))
    assert len(signs) == len(np.unique(signs, axis=0)) == LEAST_RUNS[resolution][factors]
    assert set(signs.ravel()) == {-1.0, 1.0}
    assert [-1.0] * factors in signs.tolist()
    for order in range(1, resolution):  # a word is a set of factors whose product is the same in every run
        sets = np.array(list(itertools.combinations(range(factors), order)))
        assert (np.abs(signs[:, sets].prod(axis=2).sum(axis=0)) < len(signs)).all()
    if resolution >= 5:
        assert list(alias_lines(signs.tolist(), names)) == []


@pytest.mark.parametrize(("factors", "resolution"), [(2, 3), (3, 4), (3, 5), (4, 5), (5, 2), (7, 8)])
def test_a_fraction_that_does_not_exist_is_refused(factors, resolution):
    with pytest.raises(UserError, match=f"no fraction of {factors} factors at resolution {resolution}"):
        matrix(False, factors, resolution)


@pytest.mark.parametrize(("factors", "runs"), [(3, 4), (7, 8), (8, 12), (11, 12)])
def test_plackett_burman_is_orthogonal_with_the_least_runs(factors, runs):
    cells = make_design(Design.PLACKETT_BURMAN, {f"f{i}": (0, 1) for i in range(factors)}).cells
    signs = [[2 * value - 1 for value in cell.values()] for cell in cells]
    assert len(signs) == runs
    columns = list(zip(*signs, strict=True))
    assert all(sum(column) == 0 for column in columns)
    for one, other in itertools.combinations(columns, 2):
        assert sum(a * b for a, b in zip(one, other, strict=True)) == 0


def test_twelve_run_plackett_burman_is_partly_aliased_by_thirds():
    (line, *_) = make_design(Design.PLACKETT_BURMAN, {f"f{i}": (0, 1) for i in range(11)}).aliases
    assert "(0.33)" in line


def test_alias_lines_name_what_moves_together():
    assert list(alias_lines([(-1, -1, 1), (1, -1, -1), (-1, 1, -1), (1, 1, 1)], ["a", "b", "c"])) == [
        "a = b x c",
        "b = a x c",
        "c = a x b",
    ]
    turned = [(-1, -1, -1), (1, -1, 1), (-1, 1, 1), (1, 1, -1)]
    assert list(alias_lines(turned, ["a", "b", "c"])) == ["a = - b x c", "b = - a x c", "c = - a x b"]


@pytest.mark.parametrize("kind", [Design.RANDOM, Design.SOBOL])
def test_sampled_cells_are_seeded_and_start_with_the_baseline(kind):
    levels = {"a": (0, 1, 2, 3), "b": tuple(range(100))}
    first = rows(kind, levels, size=16)
    assert first == rows(kind, levels, size=16)
    assert first[0] == (0, 0)
    assert len({b for _, b in first}) > 10


@pytest.mark.parametrize(
    ("kind", "levels", "options", "sentence"),
    [
        (Design.FRACTIONAL, {"a": (0, 1, 2), "b": (0, 1)}, {}, "two levels"),
        (Design.LADDER, ABC, {"orders": 7}, "1 to 6"),
        (Design.FULL, {}, {}, "at least one factor"),
        (Design.FRACTIONAL, ABC, {"resolution": 9}, "no fraction"),
    ],
)
def test_levels_that_do_not_fit_are_refused_in_a_sentence(kind, levels, options, sentence):
    with pytest.raises(UserError, match=sentence):
        make_design(kind, levels, **options)


LISTED = ({"a": 0, "b": 0}, {"a": 1, "b": 5}, {"a": 1, "b": 3}, {"a": 2, "b": 0})


def listed(**levels):
    return make_design(Design.LISTED, {**levels_of(LISTED), **levels}, listed=LISTED)


def test_listed_arms_are_those_listed_and_the_first_is_the_baseline():
    assert levels_of(LISTED) == {"a": (0, 1, 2), "b": (0, 5, 3)}
    assert (listed().cells, listed().baseline) == (LISTED, LISTED[0])


def test_levels_asked_for_leave_the_listed_arms_that_have_them():
    assert listed(a=(1,)).cells == LISTED[1:3]
    assert listed(a=(2, 0)).cells == (LISTED[0], LISTED[3])
    assert listed(a=(2, 0)).baseline == LISTED[3]  # the level that is named first
    with pytest.raises(UserError, match="no listed arm has b=4 and the other levels asked for: give --design full"):
        listed(b=(3, 4))
    with pytest.raises(UserError, match="lists no arms of its own"):
        make_design(Design.LISTED, ABC)


def test_factors_whose_short_names_are_equal_keep_their_whole_names():
    design = make_design(Design.FRACTIONAL, {"a.x": (0, 1), "b.x": (0, 1), "c": (0, 1)})
    assert design.aliases[0] == "a.x = - b.x x c"


def test_a_plackett_burman_design_that_is_not_known_is_refused():
    with pytest.raises(UserError, match="of 28 runs is known"):
        matrix(True, 25, 3)
