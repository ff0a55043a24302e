"""Recipe presets: valid, complete, and what published protocols say; what a run has otherwise is recorded."""

import tomllib
from pathlib import Path

import pytest

from analysis.comparison import published
from resnet_lab.errors import UserError
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import flatten, replace
from resnet_lab.spec.recipes import RECIPES, UNDECIDED, find_recipe, recipe_lines, recipe_record

PUBLISHED = tomllib.loads((Path(published.__file__).parent / "published.toml").read_text())["protocol"]


@pytest.mark.parametrize("preset", RECIPES.values(), ids=list(RECIPES))
def test_a_preset_is_a_whole_recipe_whose_every_field_has_a_source(preset):
    spec = replace(RunSpec(), preset.recipe)
    decided = {name for name in flatten(RunSpec()) if name.startswith("recipe.") or name == "data.normalise"}
    length = {"recipe.iterations"} if preset.epochs else set()
    assert set(preset.recipe) == decided - UNDECIDED - length
    assert {name: value for name, value in flatten(spec).items() if name in preset.fields} == preset.fields
    assert sum(len(stated.fields) for stated in preset.stated) == len(preset.fields), "each field stands in one place"
    assert all(stated.source for stated in preset.stated)
    assert not set(preset.unstated) & set(preset.fields)


@pytest.mark.parametrize("name", ["he2015", "he2016", "huang2016"])
def test_presets_of_papers_are_the_protocols_of_their_published_figures(name):
    preset = RECIPES[name]
    protocol = published._protocol(name, PUBLISHED[name])
    parts = {part: found.value for part, found in protocol.parts.items() if part in preset.recipe}
    stated = {part: value for part, value in parts.items() if value != published.UNKNOWN}
    assert {part: preset.recipe[part] for part in stated} == stated
    assert {part for part, value in parts.items() if value == published.UNKNOWN} == set(preset.unstated)
    recalled = {part for part, found in protocol.parts.items() if found.memory}
    assert {part for line in preset.stated if line.memory for part in line.fields} == recalled


def test_wide_resnets_drop_three_times():
    assert [RECIPES["wrn2016"].recipe[f"recipe.milestone_{i}"] * 200 for i in (1, 2, 3)] == [60, 120, 160]


def test_a_record_says_what_runs_have_otherwise():
    preset = find_recipe("cycle30")
    same = replace(RunSpec(), {**preset.recipe, "recipe.iterations": 30 * 351})
    assert recipe_record(preset, [same], [351])["changed"] == {}
    other = replace(same, {"recipe.lr": 0.2, "recipe.iterations": 351})
    record = recipe_record(preset, [same, other], [351, 351])
    assert record["changed"] == {
        "recipe.lr": {"value": 0.1, "runs": [0.1, 0.2]},
        "epochs": {"value": 30, "runs": [1.0, 30.0]},
    }
    assert "changed: recipe.lr 0.1/0.2 (the recipe's is 0.1), epochs 1/30 (the recipe's is 30)" in recipe_lines(record)
    assert recipe_lines(record, {"recipe.lr", "epochs"})[1] == "changed: nothing"


def test_what_its_sources_leave_open_and_what_is_from_memory_is_said():
    record = recipe_record(RECIPES["he2015"], [replace(RunSpec(), RECIPES["he2015"].recipe)], [351])
    lines = recipe_lines(record)
    assert "arXiv 1512.03385, section 4.2, from memory" in lines[0]
    assert lines[1:] == [
        "changed: nothing",
        "not stated there, so at the defaults: recipe.momentum_kind, recipe.select",
    ]


def test_an_unknown_name_is_one_sentence_that_lists_the_known_ones():
    with pytest.raises(UserError, match="there is no recipe 'he2017': the recipes are he2015, he2016"):
        find_recipe("he2017")
