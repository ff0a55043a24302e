"""Designs with known answers."""

import itertools

import pytest

from resnet_lab.errors import UserError
from studies.plan.design import Design, make_design
from studies.plan.fractional import alias_lines

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
    assert design.aliases == ("a = b x c", "b = a x c", "c = a x b")


def test_a_resolution_four_fraction_keeps_main_effects_clear_of_pairs():
    design = make_design(Design.FRACTIONAL, dict.fromkeys("abcd", (0, 1)), resolution=4)
    assert (len(design.cells), design.aliases) == (8, ())


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
