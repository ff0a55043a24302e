"""Paths of the unravelled view: codes, deletions and the figure."""

from collections import Counter

import pandas as pd
import pytest

from analysis.paths.lengths import counts
from analysis.theory.unravelled import avoid, path_codes, plot_unravelled
from resnet_lab.errors import UserError


def test_three_blocks_have_the_eight_codes_of_the_paper():
    assert path_codes(3) == ["000", "001", "010", "011", "100", "101", "110", "111"]


@pytest.mark.parametrize("blocks", [1, 4, 6])
def test_lengths_are_binomial(blocks):
    lengths = Counter(code.count("1") for code in path_codes(blocks))
    assert [lengths[length] for length in range(blocks + 1)] == counts(blocks)


def test_a_deletion_leaves_half_the_paths_and_a_second_a_quarter():
    codes = path_codes(5)
    assert len(avoid(codes, [2])) == 16
    assert len(avoid(codes, [0, 4])) == 8
    assert avoid(path_codes(2), [0]) == ["00", "01"]


def test_the_figure_has_a_row_for_each_path(tmp_path):
    files = plot_unravelled(3, tmp_path / "paths", deleted=[1])
    assert [path.suffix for path in files] == [".png", ".svg", ".csv"]
    rows = pd.read_csv(tmp_path / "paths.csv", dtype={"code": str})
    assert rows["code"].tolist() == ["000", "001", "010", "100", "011", "101", "110", "111"]
    assert rows[rows["left"]]["code"].tolist() == ["000", "001", "100", "101"]


@pytest.mark.parametrize("blocks", [0, 7])
def test_what_cannot_be_shown_is_refused(blocks):
    with pytest.raises(UserError, match="can be shown one by one"):
        path_codes(blocks)
