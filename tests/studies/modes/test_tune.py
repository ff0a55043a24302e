"""Fair tuning and the open search, with a fake executor: real searches, real MLflow store, no training."""

import csv
import dataclasses
import json
import math
import shlex
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from resnet_lab.errors import UserError
from resnet_lab.spec.fields import from_json, replace
from resnet_lab.system.command import parse
from resnet_lab.tracking import Tracker, read_runs
from resnet_lab.tracking.availability import Availability
from studies.bn_placement import STUDY
from studies.modes.open_search import OpenSearch
from studies.modes.tune import Tuned, space_of
from studies.plan.options import Algorithm, Options, Pruner
from studies.plan.plan import make_plan
from studies.plan.study import find_study
from studies.results.publish import publish
from studies.search.optuna_search import SEED
from studies.search.record import confirm
from tests.studies import driven
from tests.studies.fakes import FakeExecutor

EPOCHS, BUDGET = 4, 6


def plan_of(*assignments, seeds=(0, 1), epochs=EPOCHS):
    options = Options(seeds=seeds, epochs=epochs, assignments=("model.depth=8", *assignments))
    return make_plan(STUDY, options)


def one_switch(**changes):
    return plan_of("model.block.act_position=none", **changes)


def error(spec):
    """after_add is better by 2 points once its rate is 0.01; at 0.1 it is worse by 4. The baseline likes 0.1."""
    after = spec.model.block.norm_position == "after_add"
    floor, best = (3, 0.01) if after else (5, 0.1)
    return floor + 6 * abs(math.log10(spec.recipe.lr / best)) + 0.1 * (spec.seed % 2) * after


def tuned(plan, **changes):
    return Tuned(plan, **{"budget": BUDGET, "pruner": Pruner.MEDIAN} | changes)


def states(out):
    return Counter((run["tags"].get("phase", "declared"), run["status"]) for run in read_runs(out, STUDY.name))


class Slow(FakeExecutor):
    """What is asked to end takes three more waits, in which others may start."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.asked, self.started_meanwhile = {}, 0

    def stop(self, name):
        self.asked[name] = 3

    def submit(self, trial):
        super().submit(trial)
        self.started_meanwhile += any(name in self.running for name in self.asked)

    def wait(self, timeout):
        for name in list(self.asked):
            self.asked[name] -= 1
            if self.asked[name] == 0:
                super().stop(name)
        return super().wait(timeout)

    def _epoch(self, trial):
        return 0 if trial.name in self.asked else super()._epoch(trial)


class Finished(NamedTuple):
    """A tuned study that nobody disturbed, to be looked at."""

    out: Path
    plan: Any
    executor: Slow
    runs: list
    files: list

    @property
    def content(self):
        return json.loads(next(path for path in self.files if path.name == "tuning.json").read_text())

    @property
    def text(self):
        return (self.out / "reports" / self.plan.title / "table.md").read_text()


@pytest.fixture(scope="module")
def finished(tmp_path_factory, empty_database):
    out, plan = tmp_path_factory.mktemp("tuned"), one_switch()
    shutil.copy(empty_database, out / "mlflow.db")
    executor = Slow(error, epochs=EPOCHS, curve=lambda spec, n: error(spec) + EPOCHS - n, slots=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        runs, files, _ = driven.reported(out, driven.go(out, tuned(plan), plan, executor))
    return Finished(out, plan, executor, runs, files)


def test_each_arm_is_tuned_with_the_same_budget_and_a_change_of_sign_is_flagged(finished):
    content = finished.content
    assert [len(arm["trials"]) for arm in content["arms"]] == [BUDGET, BUDGET]
    chosen = {arm["fields"]["model.block.norm_position"]: arm["chosen"]["recipe.lr"] for arm in content["arms"]}
    assert chosen["before_add"] == pytest.approx(0.1, rel=0.5)
    assert chosen["after_add"] < 0.05
    (one,) = content["comparisons"]
    assert one["declared"] > 0 > one["tuned"]
    assert one["changes_sign"] is True
    assert "CHANGES SIGN" in finished.text
    assert f"{BUDGET} trials: " in finished.text
    assert len(finished.runs) == 8
    assert {path.parent.name for path in finished.files} == {finished.plan.title, f"{finished.plan.title}-tuned"}
    counts = states(finished.out)
    assert counts["tuned", "FINISHED"] >= 2
    assert counts["tuning", "FINISHED"] + counts["tuning", "KILLED"] == 2 * BUDGET


def curves(folder):
    """The lines of a report's tuning curves, by the placement of their norm."""
    with (folder / "tuning_curves.csv").open() as file:
        lines = list(csv.DictReader(file))
    arms = dict.fromkeys(line["model.block.norm_position"] for line in lines)
    return {arm: [line for line in lines if line["model.block.norm_position"] == arm] for arm in arms}


def test_the_curve_of_one_tpe_search_is_its_best_so_far_without_a_band(finished):
    assert {"tuning_curves.png", "tuning_curves.svg", "tuning_curves.csv"} <= {path.name for path in finished.files}
    for arm in finished.content["arms"]:
        drawn = curves(finished.out / "reports" / finished.plan.title)[arm["fields"]["model.block.norm_position"]]
        assert [line["curve"] for line in drawn] == ["path"] * BUDGET
        assert {line["low"] for line in drawn} == {""}
        ended = [row["val/error"] for row in arm["trials"] if row["state"] == "complete"]
        assert float(drawn[-1]["error"]) == min(ended)


@pytest.mark.slow
def test_several_searches_give_a_band_over_searches_and_the_page_has_the_figure(store_folder, go, reported):
    plan = one_switch()
    outcome = go(tuned(plan, budget=4, seeds=2), plan, FakeExecutor(error, epochs=EPOCHS))
    reports = reported(outcome).reports
    drawn = curves(store_folder / "reports" / plan.title)["after_add"]
    assert [(line["curve"], line["searches"], line["trials"]) for line in drawn[:2]] == [
        ("mean", "2", "1"),
        ("mean", "2", "2"),
    ]
    best = [search.best().values[0] for search in outcome.searches[1]]
    last = drawn[-1]
    assert float(last["error"]) == pytest.approx(sum(best) / 2)
    assert float(last["low"]) < min(best) < max(best) < float(last["high"])
    reports[0].write_page({})
    assert "Tuning curves" in (store_folder / "reports" / plan.title / "report.md").read_text()


@pytest.mark.usefixtures("undrawn")
def test_random_draws_give_a_band_of_one_search_and_the_recipe_is_none_of_them(store_folder, go, reported):
    plan = one_switch(seeds=(0,), epochs=1)
    searching = tuned(plan, budget=6, pruner=Pruner.NONE, algorithm=Algorithm.RANDOM)
    _, files, _ = reported(go(searching, plan, FakeExecutor(error)))
    content = json.loads(next(path for path in files if path.name == "tuning.json").read_text())
    trials = content["arms"][0]["trials"]
    assert (len(trials), trials[0]["recipe.lr"]) == (6, 0.1)
    drawn = curves(store_folder / "reports" / plan.title)["before_add"]
    assert [line["curve"] for line in drawn] == ["median"] * 5
    assert float(drawn[0]["error"]) == sorted(row["val/error"] for row in trials[1:])[2]
    assert float(drawn[0]["expected"]) == pytest.approx(sum(row["val/error"] for row in trials[1:]) / 5)
    assert float(drawn[-1]["low"]) == 0.0
    text = " ".join((store_folder / "reports" / plan.title / "table.md").read_text().split())
    assert "(random search; pruner: none" in text


def test_tuning_uses_a_seed_of_its_own(finished):
    seeds = Counter(int(name.rpartition("seed")[2]) for name in finished.executor.started)
    assert seeds[SEED] == 2 * BUDGET
    assert set(seeds) == {0, 1, SEED}


def test_a_pruned_trial_is_stopped_alone_and_marked_in_both_stores(finished):
    arms = finished.content["arms"]
    pruned = {row["trial"] for arm in arms for row in arm["trials"] if row["state"] == "pruned"}
    assert pruned
    assert pruned == set(finished.executor.stopped)
    runs = {run["tags"]["trial"]: run for run in read_runs(finished.out, STUDY.name)}
    assert {name for name, run in runs.items() if run["tags"].get("pruned") == "true"} == pruned
    assert {runs[name]["status"] for name in pruned} == {"KILLED"}
    for name in pruned:
        folder = finished.out / "trials" / name
        assert 1 < len((folder / "history.jsonl").read_text().splitlines()) < EPOCHS
        assert not (folder / "result.json").exists()


def test_while_a_pruned_trial_ends_its_epoch_the_others_go_on(finished):
    assert finished.executor.asked
    assert finished.executor.started_meanwhile
    assert not finished.executor.running


@pytest.mark.usefixtures("undrawn")
def test_the_same_command_again_trains_nothing_and_an_interrupted_one_goes_on(store_folder, go, reported):
    plan = one_switch(seeds=(0,), epochs=2)
    with pytest.raises(KeyboardInterrupt):
        go(tuned(plan, budget=3), plan, FakeExecutor(error, epochs=EPOCHS, cancel_after=4))
    first = FakeExecutor(error, epochs=EPOCHS)
    outcome = go(tuned(plan, budget=3), plan, first)
    runs, _, _ = reported(outcome)
    assert first.started
    again = FakeExecutor(error, epochs=EPOCHS)
    repeated = go(tuned(plan, budget=3), plan, again)
    assert not again.started
    assert reported(repeated).runs == runs
    tuning = [run for run in read_runs(store_folder, STUDY.name) if run["tags"].get("phase") == "tuning"]
    ended = [run for run in tuning if run["status"] == "FINISHED" or run["tags"].get("pruned")]
    assert len(ended) == len({run["tags"]["trial"] for run in ended}) == 6


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_several_searches_of_an_arm_share_out_the_seeds_and_their_choices(store_folder, go, reported):
    plan, executor = plan_of("model.block.act_position=none", seeds=(0, 1, 2)), FakeExecutor(error, epochs=EPOCHS)
    outcome = go(tuned(plan, budget=5, seeds=3), plan, executor)
    _, files, reports = reported(outcome)
    content = json.loads(next(path for path in files if path.name == "tuning.json").read_text())
    assert [(arm["seed"], len(arm["trials"])) for arm in content["arms"]] == [(SEED + i, 5) for i in (0, 1, 2)] * 2
    chosen = {
        (arm["fields"]["model.block.norm_position"], arm["seed"] - SEED): arm["chosen"]["recipe.lr"]
        for arm in content["arms"]
    }
    assert len(set(chosen.values())) > 2  # each search drew its own
    after = [run for run in reports[1].runs if run["model.block.norm_position"] == "after_add"]
    configs = {run["seed"]: store_folder / "trials" / run["trial"] / "config.json" for run in after}
    rates = {seed: from_json(config.read_text()).recipe.lr for seed, config in configs.items()}
    assert rates == {seed: chosen["after_add", seed] for seed in (0, 1, 2)}
    text = " ".join((store_folder / "reports" / plan.title / "table.md").read_text().split())
    assert "each arm had 3 searches of its own" in text
    assert "is in the intervals" in text
    page = json.loads((store_folder / "reports" / f"{plan.title}-tuned" / "plan.json").read_text())
    assert page["searches"] == 3
    again = FakeExecutor(error, epochs=EPOCHS)
    go(tuned(plan, budget=5, seeds=3), plan, again)
    assert not again.started


def test_one_search_an_arm_says_that_its_chance_is_in_no_interval(finished):
    assert "what its choice left to chance is not in the intervals" in " ".join(finished.text.split())


def test_searches_and_splits_deal_the_seeds_out_alike_or_are_refused():
    plan = plan_of(seeds=(0, 1, 2, 3, 4, 5))
    with pytest.raises(UserError, match="--tune-seeds 4 deals 6 seeds"):
        tuned(plan, seeds=4)
    with pytest.raises(UserError, match="give the same number"):
        tuned(dataclasses.replace(plan, splits=2), seeds=3)
    assert (
        tuned(dataclasses.replace(plan, splits=3), seeds=3)
        .further(plan)
        .sentence.startswith("then 3 x 6 tuning trials")
    )


@pytest.mark.usefixtures("undrawn")
def test_an_arm_whose_search_finds_nothing_keeps_the_recipe(store_folder, go, capsys, reported):
    def diverging(spec):
        tuning = spec.seed == SEED and spec.model.block.norm_position == "after_add"
        return None if tuning else error(spec)

    plan = one_switch(seeds=(0,), epochs=1)
    outcome = go(tuned(plan, budget=2), plan, FakeExecutor(diverging))
    reported(outcome, as_json=True)
    arms = json.loads(capsys.readouterr().out)["tuning"]["arms"]
    assert arms[1]["chosen"] == {}
    assert [row["state"] for row in arms[1]["trials"]] == ["diverged"] * 2
    text = (store_folder / "reports" / plan.title / "table.md").read_text()
    assert "the study's recipe stays" in " ".join(text.split())


def test_what_cannot_be_tuned_is_refused():
    with pytest.raises(UserError, match="is that of tuning trials"):
        tuned(plan_of(seeds=(0, SEED)))
    with pytest.raises(UserError, match="declares nothing to tune"):
        space_of(replaced(tune=()))
    with pytest.raises(UserError, match="cannot be tuned as well"):
        space_of(replaced(arm={"recipe.lr": (0.1, 0.2)}))
    with pytest.raises(UserError, match="--tune-algorithm says how --tune searches"):
        Options(tune_algorithm=Algorithm.RANDOM)
    with pytest.raises(UserError, match="--until-decided and --tune"):
        Options(tune=True, until_decided=True)


def replaced(**changes):
    study = dataclasses.replace(STUDY, **changes)
    return make_plan(study, Options(seeds=(0, 1), epochs=1))


def test_an_open_search_spends_its_budget_and_is_not_reported_as_arms(store_folder, go, capsys, reported):
    plan, executor = plan_of(epochs=1), FakeExecutor(error)
    outcome = go(OpenSearch(plan, algorithm=Algorithm.TPE, budget=6, pruner=Pruner.MEDIAN), plan, executor)
    runs, files, reports = reported(outcome, as_json=True)
    content = json.loads(capsys.readouterr().out)
    assert len(content["trials"]) == 6
    assert content["winner"]["val/error"] == min(row["val/error"] for row in content["trials"] if row["val/error"])
    assert {"model.block.norm_position", "recipe.lr"} <= content["winner"].keys()
    assert all("test/error" not in row for row in content["trials"])
    assert content["space"][0] == {"field": "model.block.norm_position", "values": ["before_add", "after_add"]}
    assert content["start"]["recipe.lr"] == 0.1
    assert all(row["parameters"] > 70_000 for row in content["trials"])
    text = next(path for path in files if path.name == "search.md").read_text()
    assert "no comparison of arms" in text
    assert max(map(len, text.splitlines())) <= 80
    assert all(run["status"] == "complete" for run in runs)
    assert {run["tags"]["phase"] for run in read_runs(store_folder, STUDY.name)} == {"search"}
    tracker = Tracker.open(store_folder, STUDY.name)
    spent = {"seconds": {"training": 1.0}, "energy_j": None}
    written = publish(
        reports, tracker, tracker.start_launch("launch", {}, {}), spent, Availability(tracker.client, print)
    )
    assert {"report.html", "report.md", "table.tex", "trials.csv", "parallel.png", "progress.svg"} <= {
        p.name for p in written
    }
    assert not tracker.client.search_runs([tracker.experiment_id], "tags.kind = 'arm'")  # a search has none
    again = FakeExecutor(error)
    go(OpenSearch(plan, algorithm=Algorithm.TPE, budget=6, pruner=Pruner.MEDIAN), plan, again)
    assert not again.started


@pytest.mark.parametrize("name", ["bn_placement", "reproduction_ladder", "he2016_activation"])
def test_the_command_that_confirms_a_winner_plans_exactly_its_network(name):
    study = find_study(name)
    plan = make_plan(study, Options(epochs=3, assignments=("model.width=8",)))
    best = {n: levels[-1] for n, levels in plan.arm.items() if n != "model.block.preactivation"}
    winner = replace(plan.cells[0], {**best, "recipe.lr": 0.012345678901234567, "seed": SEED})
    words = shlex.split(confirm(plan, winner))
    assert words[:3] == ["python", "-m", f"studies.{name}"]
    options = parse(Options, prog="x", description="", argv=words[3:])
    assert make_plan(study, options).cells == (dataclasses.replace(winner, seed=0),)
    assert SEED not in options.seeds
