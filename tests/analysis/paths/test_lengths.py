"""The closed forms of path counting against the figures of Veit et al. 2016, and at depths where floats end."""

from math import comb

import pytest

from analysis.paths.lengths import central_interval, counts, effective_left, mean_length, share_between, survivors
from resnet_lab.errors import UserError


def test_paths_of_the_papers_net():
    assert sum(counts(54)) == 2**54
    assert mean_length(54) == 27
    assert share_between(54, 19, 35) == pytest.approx(0.98017, abs=5e-6)
    assert 100 * share_between(54, 5, 17) == pytest.approx(0.45367, abs=5e-6)


@pytest.mark.parametrize(("deleted", "percent", "digits"), [(1, 69.8, 1), (5, 15.3, 1), (10, 1.875, 3), (20, 0.012, 3)])
def test_share_of_effective_paths_left(deleted, percent, digits):
    assert round(100 * effective_left(54, deleted), digits) == percent


@pytest.mark.parametrize(("length", "share", "digits"), [(5, 0.343, 3), (8, 0.170, 3), (11, 0.080, 3), (17, 0.0146, 4)])
def test_survivors_of_ten_deletions(length, share, digits):
    assert round(survivors(54, 10, length), digits) == share


def test_nothing_overflows_in_a_thousand_layers():
    assert counts(333)[166] == comb(333, 166) > 10**98
    assert share_between(333, 0, 333) == 1.0
    assert 0 < survivors(1200, 100, 600) < 2**-100
    assert counts(1200)[600] > 10**308
    low, high = central_interval(1200)
    assert low + high == 1200
    assert share_between(1200, low, high) >= 0.95 > share_between(1200, low + 1, high - 1)


def test_edges():
    assert counts(0) == [1]
    assert central_interval(1) == (0, 1)
    assert survivors(3, 3, 0) == 1
    assert survivors(3, 3, 1) == 0
    assert share_between(3, 4, 9) == 0
    assert effective_left(27, 0) == 1


@pytest.mark.parametrize("ask", [lambda: survivors(5, 6, 1), lambda: survivors(5, 1, 6), lambda: effective_left(4, 1)])
def test_what_does_not_exist_is_refused(ask):
    with pytest.raises(UserError, match=r"ask for|give counts"):
        ask()
