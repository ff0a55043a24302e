"""Crossing: a further factor from the command line, with what goes with its values."""

import pytest
from torch import nn

from resnet_lab.errors import UserError
from studies.bn_placement import STUDY
from studies.he2016_shortcuts import STUDY as LISTED
from studies.plan.design import Design
from studies.plan.options import Options
from studies.plan.plan import make_plan


def plan(*arm, study=STUDY, **options):
    return make_plan(study, Options(arm=arm, assignments=("model.depth=8",), **options))


def test_every_arm_is_crossed_and_a_value_brings_what_it_implies():
    crossed = plan("recipe.optimizer=sgd,adam:recipe.lr=0.001:recipe.weight_decay=0")
    cells = {(cell.recipe.optimizer, cell.recipe.lr, cell.recipe.weight_decay) for cell in crossed.cells}
    assert {(optimizer, lr) for optimizer, lr, _ in cells} == {("sgd", 0.1), ("adam", 0.001)}
    assert {decay for optimizer, _, decay in cells if optimizer == "adam"} == {0.0}
    assert len(crossed.cells) == 2 * len(plan().cells)
    assert crossed.baseline() == {**plan().baseline(), "recipe.optimizer": "sgd"}
    assert crossed.study.arm["recipe.optimizer"] == ("sgd", "adam")


def test_listed_arms_are_crossed_too():
    assert len(plan("recipe.lr=0.1,0.05", study=LISTED).cells) == 2 * len(plan(study=LISTED).cells)


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ("recipe.optimizer=sgd", "two values or more"),
        ("model.depth=8,14", "varies model.depth already"),
        ("model.block.norm_position=before_add,after_add", "varies model.block.norm_position already"),
        ("recipe.optimiser=sgd,adam", "Perhaps you meant recipe.optimizer"),
        ("recipe.optimizer=sgd,adam:recipe.lr=fast", "recipe.lr=fast: it takes a number"),
        ("recipe.optimizer", "is not NAME=VALUE"),
    ],
)
def test_a_factor_that_cannot_be_crossed_is_one_sentence(arm, said):
    with pytest.raises(UserError, match=said):
        plan(arm)


def test_a_list_for_a_field_that_is_not_varied_names_the_option_that_takes_it():
    with pytest.raises(UserError, match=r"cross it by --arm recipe.optimizer=sgd,adam"):
        make_plan(STUDY, Options(assignments=("recipe.optimizer=sgd,adam",)))


class MyNet(nn.Linear):
    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(channels, classes)


def test_a_network_of_ones_own_is_an_arm_beside_ours() -> None:
    from studies.optimizer import STUDY

    arm = f"model.name=cifar_resnet,{__name__}:MyNet"
    plan = make_plan(STUDY, Options(arm=(arm,), design=Design.FULL))
    names = {cell.model.name.value.partition("@")[0] for cell in plan.cells}
    assert names == {"cifar_resnet", f"{__name__}:MyNet"}
    assert not plan.refused
