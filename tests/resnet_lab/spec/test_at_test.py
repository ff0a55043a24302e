"""What a network is at test, in words."""

import pytest

from resnet_lab.spec import RunSpec
from resnet_lab.spec.at_test import words_at_test
from resnet_lab.spec.fields import replace


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model.depth": 110, "recipe.effective_blocks": 23}, "times 23/B"),
        (
            {"model.depth": 110, "recipe.effective_blocks": 23, "recipe.effective_test": "recalibrated"},
            "estimated again",
        ),
        (
            {"model.depth": 110, "recipe.effective_blocks": 23, "recipe.effective_test": "unscaled"},
            "no step has trained",
        ),
        ({"model.block.drop_path": 0.5}, "times its chance to be there"),
    ],
)
def test_a_network_that_trained_without_some_blocks_says_so(changes, words):
    assert words in words_at_test(replace(RunSpec(), changes))


def test_a_network_that_trained_whole_says_nothing():
    assert words_at_test(RunSpec()) is None
