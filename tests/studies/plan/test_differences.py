"""Differences: what a launch changes in its study's defaults names its report, so that none overwrites another."""

import pytest

from resnet_lab.errors import UserError
from studies.bn_placement import STUDY
from studies.plan.differences import LONGEST
from studies.plan.options import Options
from studies.plan.plan import make_plan
from studies.plan.study import find_study

DEFAULT = "bn_placement-quick-digits"


def title(*assignments, **options):
    return make_plan(STUDY, Options(assignments=assignments, **options)).title


@pytest.mark.parametrize(
    ("assignments", "options", "ending"),
    [
        ((), {}, ""),
        ((), {"seeds": (0, 1, 2, 3, 4)}, ""),
        ((), {"seeds": (0, 1)}, "-seeds0-1"),
        ((), {"seeds": (0, 2, 7)}, "-seeds0_2_7"),
        ((), {"seeds": (4,)}, "-seeds4"),
        (("model.depth=56",), {}, "-depth56"),
        (("model.depth=20,56", "recipe.lr=0.05"), {"epochs": 2}, "-depth20_56-lr0.05-epochs2"),
        ((), {"until_decided": True}, "-until_decided"),
        ((), {"arm": ("recipe.optimizer=sgd,adam",)}, "-optimizersgd_adam"),
        (("model.depth=56",), {"name": "mine"}, "-mine"),
    ],
)
def test_a_report_is_named_by_what_differs(assignments, options, ending):
    assert title(*assignments, **options) == DEFAULT + ending


def test_arms_chosen_by_name_are_reported_apart():
    ladder = find_study("mnist_ladder")
    assert make_plan(ladder, Options(only=("cnn_64", "deep"))).title == "mnist_ladder-quick-digits-cnn_64-deep"


def test_a_long_name_ends_with_a_digest_that_tells_it_from_its_like():
    many = [f"recipe.{name}" for name in ("lr=0.05", "momentum=0.8", "weight_decay=0.0005", "batch_size=64")]
    found = {title(*many, seeds=tuple(range(1, 40, 2))[:last]) for last in (19, 20)}
    assert len(found) == 2
    assert all(len(each) <= len(DEFAULT) + 1 + LONGEST for each in found)


@pytest.mark.parametrize("name", ["a/b", "..", "", " ", "x" * 61])
def test_a_name_that_is_no_part_of_a_folders_name_is_refused(name):
    if not name:
        assert title(name=name) == DEFAULT
        return
    with pytest.raises(UserError, match="--name"):
        Options(name=name)
