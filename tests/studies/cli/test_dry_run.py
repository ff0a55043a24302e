"""What a dry run says of the fields that no arm varies."""

import pytest

from studies.cli import dry_run
from studies.plan.options import Options
from studies.plan.plan import make_plan
from studies.plan.study import find_study


@pytest.fixture
def ladder(tmp_path):
    def plan(**options):
        return make_plan(find_study("reproduction_ladder"), Options(out=tmp_path, **options))

    return plan


def test_what_all_runs_have_unlike_the_defaults_is_listed(ladder):
    fixed = dry_run._fixed(ladder(assignments=("recipe.momentum=0.8",)))
    assert (
        fixed.items()
        >= {
            "model.block.downsample": "separate_conv_each",
            "data.normalise": "none",
            "recipe.momentum": 0.8,
        }.items()
    )
    assert not fixed.keys() & {"recipe.optimizer", "model.depth", "seed", "data.name"}


def test_what_goes_with_a_level_is_listed_as_the_runs_have_it(ladder):
    assert dry_run._implied(ladder())["optimizer=adam"]["recipe.lr"] == 1e-3
    assert "recipe.lr" not in dry_run._implied(ladder(assignments=("recipe.lr=0.02",))).get("optimizer=adam", {})


def test_the_lines_fit_80_columns(ladder):
    lines = dry_run._unvaried_lines(ladder())
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("in every run: model.block.downsample=separate_conv_each")
    assert any(line.startswith("with optimizer=adam: recipe.lr=0.001") for line in lines)
