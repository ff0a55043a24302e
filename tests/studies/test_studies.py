"""Every study in the house can be planned at both scales, and is what its docstring says."""

import importlib

import pytest

from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.trials.throughput import forward_flops
from studies.cli.power import PowerOptions, plan_seeds
from studies.plan.design import Design
from studies.plan.options import Options
from studies.plan.plan import make_plan
from studies.plan.study import Study, find_study, questions

NAMES = questions()


@pytest.mark.parametrize("scale", ["quick", "paper"])
@pytest.mark.parametrize("name", NAMES)
def test_every_study_is_named_after_its_file_and_plans_at_both_scales(name, scale):
    module = importlib.import_module(f"studies.{name}")
    assert isinstance(module.STUDY, Study)  # the top of studies/ holds questions and nothing else
    assert module.STUDY.name == name
    assert f"python -m studies.{name}" in module.__doc__
    assert "Expect" in module.__doc__
    plan = make_plan(module.STUDY, Options(scale=scale))
    assert plan.refused == ()
    assert plan.baseline() in [plan.arm_of(cell) for cell in plan.cells]


def test_a_scale_that_a_study_lacks_is_refused_with_those_it_has():
    with pytest.raises(UserError, match=r"he2016_activation has no scale cpu, only quick and paper: give one"):
        make_plan(find_study("he2016_activation"), Options(scale="cpu"))


def test_the_cpu_scale_takes_a_night_at_most():
    """Under 8 hours on two cores that train 1,000 images of ResNet-20 a second (benchmarks/NOTES.md), a tenth spare."""
    plan = make_plan(find_study("bn_placement"), Options(scale="cpu"))
    assert (plan.cells[0].data.name, plan.context) == ("cifar10", {"model.depth": (20, 56)})
    one = forward_flops(RunSpec())
    steps = [(spec, spec.recipe.iterations * spec.recipe.batch_size) for spec in plan.runs()]
    images = sum(forward_flops(spec) / one * count for spec, count in steps)
    assert 6 * 3600 < images / 1_000 < 0.9 * 8 * 3600


def arms(name, **options):
    plan = make_plan(find_study(name), Options(**options))
    return [tuple(plan.arm_of(cell).values()) for cell in plan.cells]


def test_table_2_of_he_2016_has_its_five_arms():
    assert arms("he2016_activation") == [
        ("before_add", "after_add", "none"),
        ("after_add", "after_add", "none"),
        ("before_add", "before_add", "none"),
        ("before_add", "after_add", "relu_only"),
        ("before_add", "after_add", "full"),
    ]


def test_the_ladder_climbs_from_adam_and_takes_its_learning_rate_along():
    assert arms("reproduction_ladder") == [
        ("adam", "none", "after_add", 32),
        ("sgd", "none", "after_add", 32),
        ("sgd", "crop_flip", "after_add", 32),
        ("sgd", "crop_flip", "before_add", 32),
        ("sgd", "crop_flip", "before_add", 44),
    ]
    plan = make_plan(find_study("reproduction_ladder"), Options())
    assert [cell.recipe.lr for cell in plan.cells] == [1e-3, 0.1, 0.1, 0.1, 0.1]


@pytest.mark.parametrize("scale", ["quick", "paper"])
def test_the_ladder_has_the_protocol_of_its_text(scale):
    """A stride-2 convolution of its own between stages, and images that are not normalised."""
    plan = make_plan(find_study("reproduction_ladder"), Options(scale=scale))
    assert {cell.model.block.downsample for cell in plan.cells} == {"separate_conv"}
    assert {cell.data.normalise for cell in plan.cells} == {"none"}


def test_a_design_given_on_the_command_line_wins_and_has_a_report_of_its_own():
    plan = make_plan(find_study("placement_factorial"), Options(design=Design.FRACTIONAL))
    assert len(plan.cells) == 4
    assert len(plan.aliases) == 3
    assert plan.title == "placement_factorial-quick-digits-fractional"


def test_seeds_are_planned_from_effect_and_spread():
    options = PowerOptions(study="he2016_activation", effect=0.24, sd=0.16, scale="quick", device="cpu", jobs=2)
    answer = plan_seeds(options)
    assert (answer["seeds_uncorrected"], answer["seeds"]) == (10, 14)  # Holm over four comparisons
    assert (answer["cells"], answer["trials"]) == (5, 70)
    assert answer["estimated_s"] > 0
