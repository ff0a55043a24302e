"""From a study and its options to runs."""

import pytest

from analysis.tables.audit_words import alias_lines
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, Precision
from resnet_lab.spec.fields import flatten
from resnet_lab.spec.fingerprint import trial_name
from resnet_lab.spec.protocol import fault_words
from studies.bn_placement import STUDY
from studies.plan.design import Design
from studies.plan.options import Algorithm, Options
from studies.plan.plan import make_plan, recipe_of
from studies.plan.study import find_study, questions


def test_the_plan_is_every_cell_times_every_seed_once():
    plan = make_plan(STUDY, Options())
    runs = plan.runs()
    assert len(runs) == 2 * 2 * 2 * 5 == len({trial_name(run) for run in runs})
    assert set(runs) == set(plan.table_order())


def test_all_cells_of_a_seed_run_before_the_next_seed_and_deep_ones_first():
    runs = make_plan(STUDY, Options(seeds=(7, 3))).runs()
    assert [run.seed for run in runs] == [7] * 8 + [3] * 8
    assert [run.model.depth for run in runs[:8]] == [44] * 4 + [20] * 4


def test_the_paper_scale_is_the_published_protocol():
    plan = make_plan(STUDY, Options(scale="paper"))
    baseline = flatten(plan.cells[0])
    assert {name: baseline[name] for name in ("data.name", "recipe.iterations", "recipe.lr", "recipe.batch_size")} == {
        "data.name": "cifar10",
        "recipe.iterations": 64_000,
        "recipe.lr": 0.1,
        "recipe.batch_size": 128,
    }
    assert plan.context == {"model.depth": (20, 110)}
    assert plan.seeds == (0, 1, 2, 3, 4)


def test_epochs_become_iterations_of_full_batches():
    plan = make_plan(STUDY, Options(dataset=DatasetName.CIFAR10, epochs=3))
    assert {cell.recipe.iterations for cell in plan.cells} == {3 * (45_000 // 128)}
    small = make_plan(STUDY, Options(epochs=2, assignments=("data.train_images=100", "recipe.batch_size=30")))
    assert {cell.recipe.iterations for cell in small.cells} == {2 * 3}


def test_the_precision_is_a_field_of_every_run():
    assert {run.recipe.precision for run in make_plan(STUDY, Options(precision=Precision.FP32)).runs()} == {"fp32"}
    by_hand = Options(precision=Precision.FP32, assignments=("recipe.precision=bf16",))
    assert {run.recipe.precision for run in make_plan(STUDY, by_hand).runs()} == {"bf16"}


def test_iterations_given_by_hand_win_over_the_scale():
    plan = make_plan(STUDY, Options(assignments=("recipe.iterations=17",)))
    assert {cell.recipe.iterations for cell in plan.cells} == {17}


@pytest.mark.parametrize(
    ("options", "rise"),
    [
        (Options(), 80),
        (Options(epochs=2), 19),
        (Options(assignments=("recipe.iterations=17",)), 4),
        (Options(epochs=100), 80),
        (Options(epochs=2, assignments=("recipe.warmup_iterations=80",)), 80),
        (Options(epochs=2, dataset=DatasetName.CIFAR10), 400),
        (Options(epochs=2, scale="paper", dataset=DatasetName.DIGITS), 400),
    ],
)
def test_a_quick_run_that_is_made_short_rises_to_its_rate_in_a_quarter_of_it(options, rise):
    assert {cell.recipe.warmup_iterations for cell in make_plan(STUDY, options).cells} == {rise}


def test_a_varied_field_takes_one_value_or_a_list():
    assert make_plan(STUDY, Options(assignments=("model.depth=56",))).context == {"model.depth": (56,)}
    plan = make_plan(STUDY, Options(assignments=("model.depth=8,14,8", "model.block.act_position=after_add")))
    assert plan.context == {"model.depth": (8, 14)}
    assert plan.arm["model.block.act_position"] == ("after_add",)
    assert len(plan.cells) == 4


def test_a_fixed_field_is_set_in_every_run_and_the_rest_stays_the_baseline():
    plan = make_plan(STUDY, Options(assignments=("model.width=8", "model.block.shortcut=B")))
    assert {(cell.model.width, cell.model.block.shortcut) for cell in plan.cells} == {(8, "B")}


def test_the_baseline_is_the_first_value_of_each_switch():
    assert make_plan(STUDY, Options()).baseline() == {
        "model.block.norm_position": "before_add",
        "model.block.act_position": "after_add",
    }


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("model.dept=56", "Perhaps you meant model.depth"),
        ("model.depth=57", "nearest is 56 or 62"),
        ("model.block.norm_position=middle", "'before_add' or 'after_add'"),
        ("recipe.lr=nan", "finite"),
        ("recipe.batch_size=4096", "at most 1257"),
        ("seed=3", "use --seeds"),
        ("data.name=mnist", "use --dataset"),
        ("model.block.preactivation=full", "set preactivation=none"),
        ("depth", "NAME=VALUE"),
    ],
)
def test_a_bad_assignment_is_one_sentence(assignment, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        make_plan(STUDY, Options(assignments=(assignment,)))
    assert "\n" not in str(error.value)


def test_cells_that_mean_nothing_are_left_out_and_listed():
    plan = make_plan(STUDY, Options(assignments=("model.depth=8,14", "model.block.shortcut=none")))
    assert {cell.model.block.norm_position for cell in plan.cells} == {"before_add"}
    assert len(plan.cells) == len(plan.refused) == 4
    assert plan.arm["model.block.norm_position"] == ("before_add",)
    for cell in plan.refused:
        assert cell.fields["model.block.norm_position"] == "after_add"
        assert "shortcut=none leaves no addition" in cell.reason


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        (("model.depth=8,57",), "nearest is 56 or 62"),
        (("model.block.act_position=after_add,middle",), "'before_add' or 'after_add' or 'none'|'after_add'"),
        (("model.block.norm=none", "model.block.norm_position=after_add,before_add"), "leaves nothing to place"),
        (("model.name=vgg16_bn",), "at least 32x32 pixels"),
    ],
)
def test_a_refusal_that_takes_the_baseline_or_a_level_asked_for_is_a_mistake(assignments, sentence):
    with pytest.raises(UserError, match=sentence):
        make_plan(STUDY, Options(assignments=assignments))


def test_designs_take_their_options_from_the_command_line():
    ladder = find_study("reproduction_ladder")
    assert len(make_plan(ladder, Options()).cells) == 6
    assert len(make_plan(ladder, Options(orders=120)).cells) == 32
    with pytest.raises(UserError, match="ask for 1 to 120"):
        make_plan(ladder, Options(orders=121))
    factorial = find_study("placement_factorial")
    assert len(make_plan(factorial, Options(design=Design.SOBOL, cells=3)).cells) <= 4
    with pytest.raises(UserError, match="resolution 9"):
        make_plan(factorial, Options(design=Design.FRACTIONAL, resolution=9))


def test_a_fraction_names_its_aliases_where_the_audit_is_told():
    plan = make_plan(find_study("placement_factorial"), Options(design=Design.FRACTIONAL))
    lines = alias_lines(plan.aliases)
    assert lines[0] == "aliases: this design cannot tell apart"
    assert "  norm_position = - act_position x shortcut" in lines
    assert alias_lines(make_plan(find_study("bn_placement"), Options()).aliases) == []


def test_a_recipe_preset_is_every_runs_recipe_and_length_but_for_what_is_asked_besides():
    plan = make_plan(STUDY, Options(recipe="cycle30"))
    recipe = plan.cells[0].recipe
    assert (recipe.schedule, recipe.warmup, recipe.batch_size, recipe.crop_padding) == ("one_cycle", "none", 128, 4)
    assert recipe.iterations == 30 * (1257 // 128)
    assert recipe_of(plan)["changed"] == {}
    changed = make_plan(STUDY, Options(recipe="he2016", epochs=6, assignments=("recipe.lr=0.05",)))
    assert recipe_of(changed)["changed"] == {
        "recipe.lr": {"value": 0.1, "runs": [0.05]},
        "recipe.iterations": {"value": 64_000, "runs": [6 * (1257 // 128)]},
    }
    assert changed.cells[0].recipe.momentum_kind == "caffe"
    assert recipe_of(make_plan(STUDY, Options())) is None


def test_what_a_study_compares_is_not_the_presets():
    plan = make_plan(find_study("optimizer"), Options(recipe="he2015", epochs=1))
    assert len({cell.recipe.optimizer for cell in plan.cells}) > 1
    assert len({cell.recipe.lr for cell in plan.cells}) > 1


def test_an_unknown_recipe_is_one_sentence():
    with pytest.raises(UserError, match="there is no recipe 'fast'"):
        make_plan(STUDY, Options(recipe="fast"))


@pytest.mark.parametrize("name", [name for name in questions() if name != "protocol_faults"])
def test_a_faulty_protocol_is_refused_by_every_other_study_unless_it_is_accepted(name):
    study, fault = find_study(name), ("protocol.seeding=unpaired",)
    with pytest.raises(
        UserError, match=rf"{name} compares correct protocols, and protocol.seeding=unpaired is a fault"
    ):
        make_plan(study, Options(assignments=fault))
    accepted = make_plan(study, Options(assignments=fault, accept_faults=True))
    assert all(fault_words(cell) == "seeding=unpaired" for cell in accepted.cells)


@pytest.mark.parametrize("mode", [{"search": Algorithm.TPE}, {"tune": True}])
def test_nothing_is_searched_among_faults(mode):
    with pytest.raises(UserError, match="looks for a good network, and train_mode=first_epoch is a fault"):
        make_plan(find_study("protocol_faults"), Options(**mode))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (("protocol.plateau=test",), "no meaning where recipe.schedule=step"),
        (("protocol.loss_mean=steps_less_1", "recipe.batch_size=1000"), "no meaning in epochs of one step"),
    ],
)
def test_a_fault_without_a_meaning_stops_the_launch(fields, words):
    with pytest.raises(UserError, match=words):
        make_plan(STUDY, Options(assignments=fields, accept_faults=True))
