"""The design names the recipe preset, and what was changed of it."""

import dataclasses

from analysis.report.sections.design import _recipe
from analysis.results.plan_record import PlanRecord
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace
from resnet_lab.spec.recipes import RECIPES, recipe_record

RUN = replace(RunSpec(), {**RECIPES["he2016"].recipe, "recipe.lr": 0.2, "recipe.optimizer": "nesterov"})
PLAN = PlanRecord(
    study="optimizer",
    question="Which?",
    scale="quick",
    dataset="digits",
    arm={"recipe.optimizer": ["sgd", "nesterov"]},
    context={},
    baseline={"recipe.optimizer": "sgd"},
    seeds=[0],
    recipe=recipe_record(RECIPES["he2016"], [RUN], [9]),
)


def test_the_preset_is_named_with_what_was_changed_and_survives_the_file():
    lines = _recipe(PlanRecord.from_dict(PLAN.as_dict()))
    assert lines[0].startswith("he2016: ResNets on CIFAR-10, He et al. 2016 (arXiv 1603.05027")
    assert lines[1] == "changed: recipe.lr 0.2 (the recipe's is 0.1)"


def test_a_study_without_a_preset_says_nothing():
    plan = dataclasses.replace(PLAN, recipe=None)
    assert _recipe(plan) == []
    assert "recipe" not in plan.as_dict()
