"""Every study in the house can be planned at both scales, and is what its docstring says."""

import dataclasses
import importlib
from pathlib import Path

import pytest
import torch
from scipy import stats

from analysis.comparison.published import deviations, figures_for
from resnet_lab.errors import UserError
from resnet_lab.networks import build_network
from resnet_lab.networks.build import count_parameters
from resnet_lab.spec import ProtocolSpec, RunSpec
from resnet_lab.spec.protocol import faults_of
from resnet_lab.trials.throughput import forward_flops
from studies.cli.greeting import _question_in
from studies.cli.power import PowerOptions, plan_seeds
from studies.plan.design import Design
from studies.plan.options import Options
from studies.plan.plan import comparisons, make_plan
from studies.plan.study import Study, find_study, questions

NAMES = questions()
WEIGHTS = Path(__file__)
"""Any file: a plan asks for its digest alone."""


@pytest.mark.parametrize("scale", ["quick", "paper"])
@pytest.mark.parametrize("name", NAMES)
def test_every_study_is_named_after_its_file_and_plans_at_both_scales(name, scale):
    module = importlib.import_module(f"studies.{name}")
    assert isinstance(module.STUDY, Study)  # the top of studies/ holds questions and nothing else
    assert module.STUDY.name == name
    assert f"python -m studies.{name}" in module.__doc__
    assert "Expect" in module.__doc__
    assert _question_in(Path(module.__file__)) == module.STUDY.question  # what a terminal shows first
    plan = make_plan(module.STUDY, Options(scale=scale))
    assert name == "protocol_faults" or plan.refused == ()
    assert plan.baseline() in [plan.arm_of(cell) for cell in plan.cells]


def test_each_of_twelve_faults_stands_alone_beside_the_correct_protocol_at_the_same_seeds():
    weights = ("recipe.trained=last_stage", "model.head=hidden", f"recipe.weights={WEIGHTS}")
    plan = make_plan(find_study("protocol_faults"), Options(assignments=weights))
    assert [list(faults_of(cell)) for cell in plan.cells] == [[], *([name] for name in plan.arm)]
    assert (len(plan.arm), plan.refused) == (12, ())
    same = {dataclasses.replace(cell, protocol=ProtocolSpec()) for cell in plan.cells}
    assert len(same) == 1
    assert {tuple(run.seed for run in plan.runs_of(cell)) for cell in plan.cells} == {plan.seeds}


def test_faults_of_transfer_are_left_out_with_the_reason_where_nothing_is_transferred():
    plan = make_plan(find_study("protocol_faults"), Options())
    assert len(plan.cells) == 11
    assert [each.reason.partition(" has no meaning ")[0] for each in plan.refused] == [
        "protocol.frozen_mode=train",
        "protocol.loaded=0.011",
    ]


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


SCALED, EXCLUSIVE, SHORTCUT_ONLY = "constant_scaling", "exclusive_gating", "shortcut_only_gating"
TABLE_1 = {
    ("A", 0.5, -6): "6.61",
    ("none", 0.5, -6): "fail",
    (SCALED, 1, -6): "fail",
    (SCALED, 0.5, -6): "12.35",
    **{(EXCLUSIVE, 0.5, bias): "fail" for bias in (0, -1, -2, -3, -4, -5)},
    (EXCLUSIVE, 0.5, -6): "8.70",
    (EXCLUSIVE, 0.5, -7): "9.81",
    (SHORTCUT_ONLY, 0.5, 0): "12.86",
    (SHORTCUT_ONLY, 0.5, -6): "6.91",
    ("conv1x1", 0.5, -6): "12.22",
    ("dropout", 0.5, -6): "fail",
}
"""He et al. 2016, table 1: (shortcut, factor on the branch, bias of the gate): test error in per cent."""


@pytest.mark.parametrize("scale", ["quick", "paper"])
def test_table_1_of_he_2016_has_every_row(scale):
    assert arms("he2016_shortcuts", scale=scale) == list(TABLE_1)


def test_every_row_of_table_1_has_its_published_figure():
    plan = make_plan(find_study("he2016_shortcuts"), Options(scale="paper"))
    for cell, (row, expected) in zip(plan.cells, TABLE_1.items(), strict=True):
        ours = {each.text for each in figures_for(cell) if each.source.startswith("He, Zhang, Ren, Sun 2016")}
        assert {text.partition(" ")[0] for text in ours} == {expected}, row


def test_rows_of_table_1_are_chosen_by_their_levels():
    some = ("model.block.shortcut=exclusive_gating,conv1x1", "model.block.gate_bias=-6,-7")
    assert arms("he2016_shortcuts", assignments=some) == [
        (EXCLUSIVE, 0.5, -6),
        (EXCLUSIVE, 0.5, -7),
        ("conv1x1", 0.5, -6),
    ]


def test_the_published_deep_nets_are_bottlenecks_and_the_others_are_not():
    plan = make_plan(find_study("preactivation"), Options(scale="paper", assignments=("model.depth=110,164,1001",)))
    kinds = {(cell.model.depth, cell.model.block.kind, cell.model.block.shortcut) for cell in plan.cells}
    assert kinds == {(110, "basic", "A"), (164, "bottleneck", "B"), (1001, "bottleneck", "B")}


def test_each_optimiser_has_the_rate_its_source_names():
    plan = make_plan(find_study("optimizer"), Options())
    rates = {cell.recipe.optimizer: cell.recipe.lr for cell in plan.cells}
    assert rates == {
        "sgd": 0.1,
        "nesterov": 0.1,
        "adam": 1e-3,
        "adamw": 1e-3,
        "rmsprop": 1e-2,
        "adagrad": 0.1,
        "adadelta": 1.0,
        "muon": 0.02,
    }


def test_stochastic_depth_has_its_authors_protocol_at_paper_scale():
    plan = make_plan(find_study("stochastic_depth"), Options(scale="paper"))
    figures = {each.text: each for cell in plan.cells for each in figures_for(cell) if "1603.09382" in each.source}
    assert set(figures) == {"6.41", "5.25"}
    assert [deviations(cell, figures["6.41"]) for cell in plan.cells if not cell.model.block.drop_path] == [[]]


def test_the_ladder_climbs_from_adam_and_takes_its_learning_rate_along():
    assert arms("reproduction_ladder") == [
        ("adam", "none", "after_add", 32, "after_add"),
        ("sgd", "none", "after_add", 32, "after_add"),
        ("sgd", "crop_flip", "after_add", 32, "after_add"),
        ("sgd", "crop_flip", "before_add", 32, "after_add"),
        ("sgd", "crop_flip", "before_add", 44, "after_add"),
        ("sgd", "crop_flip", "before_add", 44, "before_add"),
    ]
    plan = make_plan(find_study("reproduction_ladder"), Options())
    assert [cell.recipe.lr for cell in plan.cells] == [1e-3, 0.1, 0.1, 0.1, 0.1, 0.1]


@pytest.mark.parametrize("scale", ["quick", "cpu", "paper"])
def test_the_ladder_has_the_protocol_of_its_text(scale):
    """A stride-2 convolution of its own after each stage, and images that are not normalised."""
    plan = make_plan(find_study("reproduction_ladder"), Options(scale=scale))
    assert {cell.model.block.downsample for cell in plan.cells} == {"separate_conv_each"}
    assert {cell.data.normalise for cell in plan.cells} == {"none"}


def test_the_small_cnns_of_the_mnist_ladder_have_the_protocol_of_its_text_and_the_deep_one_lacks_its_images():
    plan = make_plan(find_study("mnist_ladder"), Options(scale="paper"))
    found = {cell.model.name: [] for cell in plan.cells}
    for cell in plan.cells:
        found[cell.model.name] += [(f.value, deviations(cell, f)) for f in figures_for(cell) if not f.doubt]
    assert found["mnist_cnn"] == [(0.89, []), (0.99, []), (1.00, [])]
    assert found["mnist_cnn_deep"] == [
        (0.70, ["recipe.iterations 10700 (published 11800)", "images 55000 (published 60000)"])
    ]
    torchvisions = [[f.value for f in figures_for(cell)] for cell in plan.cells if cell.data.rgb]
    assert torchvisions == [[1.64], [2.50]]  # in doubt, so without a verdict


def test_rungs_of_the_mnist_ladder_are_chosen_by_name():
    study = find_study("mnist_ladder")
    chosen = make_plan(study, Options(scale="paper", only=("resnet101", "cnn_256")))
    assert [(cell.model.name, cell.model.depth, cell.recipe.batch_size) for cell in chosen.cells] == [
        ("mnist_cnn", 20, 256),
        ("imagenet_resnet", 101, 512),
    ]
    assert chosen.cells[1].data.rgb
    assert (chosen.cells[0].recipe.lr, chosen.cells[0].recipe.iterations) == (0.04, 4_700)
    with pytest.raises(UserError, match=r"has no arm 'vgg': --only takes cnn_64, cnn_256, cnn_512, deep"):
        make_plan(study, Options(only=("vgg",)))
    with pytest.raises(UserError, match=r"the arms of depth have no names: leave out --only"):
        make_plan(find_study("depth"), Options(only=("deep",)))


def test_arms_that_are_asked_for_by_name_are_those_that_the_scale_has():
    study = find_study("mnist_ladder")
    assert [cell.model.depth for cell in make_plan(study, Options(only=("resnet18",))).cells] == [18]
    with pytest.raises(UserError, match="--scale quick leaves out resnet101"):
        make_plan(study, Options(only=("resnet101",)))
    crossed = Options(only=("cnn_64", "deep"), arm=("recipe.momentum=0.5,0.9",))
    assert len(make_plan(study, crossed).cells) == 4


def test_the_figures_of_the_text_of_the_ladder_stand_by_its_rungs():
    """61 has no stated schedule, so no verdict; the others agree in all that is stated."""
    plan = make_plan(find_study("reproduction_ladder"), Options(scale="paper"))
    found = [{100 - f.value: deviations(cell, f) for f in figures_for(cell) if not f.doubt} for cell in plan.cells]
    assert [list(each) for each in found] == [[61.0], [87.5], [], [90.0], [], []]
    assert all("unknown" in each for each in found[0][61.0])
    assert found[1][87.5] == found[3][90.0] == []
    doubted = {100 - f.value for cell in plan.cells for f in figures_for(cell) if f.doubt}
    assert doubted == {89.0, 90.4, 91.0}


def test_resnet18_has_more_than_twenty_times_the_parameters_of_resnet32():
    plan = make_plan(find_study("network_size"), Options(scale="paper", only=("resnet32", "resnet18")))
    with torch.device("meta"):
        small, large = (count_parameters(build_network(cell.model)) for cell in plan.cells)
    assert 20 < large / small < 25
    assert [figure.value for figure in figures_for(plan.cells[1])] == [9.0]


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


@pytest.mark.parametrize(("scale", "blocks"), [("quick", 12), ("paper", 23)])
def test_effective_paths_draw_the_papers_share_and_are_tested_in_three_ways(scale, blocks):
    assert arms("effective_paths", scale=scale) == [
        (0, "scaled"),
        (blocks, "scaled"),
        (blocks, "recalibrated"),
        (blocks, "unscaled"),
    ]
    depth = make_plan(find_study("effective_paths"), Options(scale=scale)).cells[0].model.depth
    assert blocks / ((depth - 2) // 2) == pytest.approx(23 / 54, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_a_quick_study_has_seeds_enough_for_holm_to_decide(name):
    """The least of its p values, times its comparisons, is under 5 % where a difference is three of its sd or less."""
    plan = make_plan(find_study(name), Options())
    decides = stats.t.ppf(1 - 0.05 / (2 * len(comparisons(plan))), len(plan.seeds) - 1) / len(plan.seeds) ** 0.5
    assert decides <= 3
