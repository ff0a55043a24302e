"""Swaps keep shapes; tau is Kendall's."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from analysis.lesions.reorder import groups, kendall_tau, swaps

SMALL, LARGE = torch.Size([16, 32, 32]), torch.Size([32, 16, 16])
SHAPES = [(SMALL, SMALL), (SMALL, SMALL), (SMALL, SMALL), (SMALL, LARGE), (LARGE, LARGE), (LARGE, LARGE)]


def test_blocks_that_change_the_shape_belong_nowhere():
    assert groups(SHAPES, range(6)) == [[0, 1, 2], [4, 5]]
    assert groups(SHAPES, [0, 2, 3, 4]) == [[0, 2]]


@given(st.integers(1, 30), st.integers(0, 5), st.integers(0, 5))
def test_an_order_is_a_permutation_within_groups_and_pure(k, seed, draw):
    places = groups(SHAPES, range(6))
    order = swaps(6, places, k, seed=seed, draw=draw)
    assert sorted(order) == list(range(6))
    assert all(SHAPES[place] == SHAPES[block] for place, block in enumerate(order))
    assert order[3] == 3
    assert order == swaps(6, places, k, seed=seed, draw=draw)
    assert (order != tuple(range(6))) or k % 2 == 0  # an odd number of swaps cannot undo itself


def test_seeds_and_draws_differ():
    places = groups(SHAPES, range(6))
    assert len({swaps(6, places, 9, seed=seed, draw=draw) for seed in range(4) for draw in range(4)}) > 3


@given(st.permutations(range(7)))
def test_tau_is_scipys(order):
    assert kendall_tau(order) == kendalltau(list(range(7)), order).statistic


def test_tau_of_one_neighbouring_swap_of_four():
    """5 of 6 pairs agree and 1 does not: (5 - 1) / 6."""
    assert round(kendall_tau([1, 0, 2, 3]), 12) == round(4 / 6, 12)
    assert kendall_tau([3, 2, 1, 0]) == -1
