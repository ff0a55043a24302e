"""The benchmark's claim about numbers; its ratio is for quiet machines."""

import pytest

from benchmarks.single_deletion import Options, measure
from resnet_lab.errors import UserError


def test_reuse_gives_the_same_logits_bit_for_bit():
    result = measure(Options(depth=8, images=4, rounds=1))
    assert result["equal_bit_for_bit"]
    assert (result["blocks"], result["networks"]) == (3, 4)
    assert result["ratio"] > 0


def test_an_option_out_of_range_is_refused():
    with pytest.raises(UserError, match="--images 0"):
        Options(images=0)
