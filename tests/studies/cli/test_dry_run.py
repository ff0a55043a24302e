"""What a dry run says of the fields that no arm varies."""

from functools import partial

import pytest

from benchmarks.harness.simulated_cluster import SimulatedCluster
from resnet_lab.runner.fleet.placement import on_cluster
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


@pytest.mark.parametrize(("jobs", "slots"), [("auto", 12), (2, 8)])
def test_on_a_cluster_it_says_how_many_at_once_and_the_hours_of_this_fleet(tmp_path, monkeypatch, capsys, jobs, slots):
    monkeypatch.setattr(dry_run, "place", partial(_on_nodes, SimulatedCluster.of(4, cpus=3)))
    asked = []
    monkeypatch.setattr(dry_run, "estimate", lambda *of: asked.append(of) or 7200.0)
    options = Options(out=tmp_path, assignments=("model.depth=8",), cluster="10.0.0.1:6379", jobs=jobs)
    dry_run.preview(find_study("bn_placement"), options)
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{slots} at once on cpu of 4 nodes" in printed
    assert "estimated time: 2.0 h (measured on a few steps here and now, as if all of the fleet were like" in printed
    assert [of[1:] for of in asked] == [("cpu", slots)]


def _on_nodes(cluster, options, cells):  # noqa: ARG001  # as `place`
    return on_cluster(cluster, options)
